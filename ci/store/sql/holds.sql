-- name: add_autohold
insert into autoholds (connection, project, job, change_number, reason, max_count, node_hold_expiration, created_at)
values (:connection, :project, :job, :change_number, :reason, :max_count, :node_hold_expiration, :now)
returning id

-- name: autoholds
select * from autoholds order by id

-- name: delete_autohold
delete from autoholds where id = :id

-- name: matching_autohold
-- A request for this very change goes before one for all; of several the oldest.
select autoholds.* from buildsets join autoholds on autoholds.connection = buildsets.connection
  and autoholds.project = buildsets.project and autoholds.job = :job
where buildsets.id = :buildset_id and autoholds.current_count < autoholds.max_count
  and (autoholds.change_number is null or autoholds.change_number = buildsets.change_number)
order by autoholds.change_number is null, autoholds.id limit 1

-- name: use_autohold
update autoholds set current_count = current_count + 1 where id = :id

-- name: end_used_autoholds
-- What asks for no more and keeps nothing.
delete from autoholds where current_count >= max_count
  and not exists (select 1 from holds where holds.autohold_id = autoholds.id)

-- name: add_hold
insert into holds (autohold_id, build_id, attempt, job, reason, held_at, expires_at)
values (:autohold_id, :build_id, :attempt, :job, :reason, :now, :expires_at)
returning id

-- name: holds
select * from holds order by id

-- name: ending_holds
select * from holds where state = 'releasing' or expires_at <= :now order by id

-- name: next_expiry_of_holds
select min(expires_at) as at from holds where state = 'held'

-- name: expire_holds
update holds set expires_at = :now where autohold_id = :autohold_id and state = 'held'

-- name: release_hold
update holds set state = 'releasing' where id = :id and state = 'held'

-- name: delete_hold
delete from holds where id = :id and state = 'releasing'
