-- name: newest_merge
select max(id) as id from events where type = 'change-merged'

-- name: lockstep
select * from lockstep order by path, until, removal_id

-- name: set_lockstep
insert into lockstep (removal_id, path, until, state, note, url, since, retry_at)
values (:removal_id, :path, :until, :state, :note, :url, :since, :retry_at)
on conflict (removal_id) do update set state = :state, note = :note, url = :url, since = :since, retry_at = :retry_at

-- name: forget_lockstep
delete from lockstep where removal_id = :removal_id
