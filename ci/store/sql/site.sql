-- name: site
select commit_id, since, refused, reason, trouble, trouble_since, restart from site

-- name: set_site
insert into site (id, commit_id, since, refused, reason, trouble, trouble_since, restart)
values (1, :commit_id, :since, :refused, :reason, :trouble, :trouble_since, :restart)
on conflict (id) do update set commit_id = :commit_id, since = :since, refused = :refused, reason = :reason,
  trouble = :trouble, trouble_since = :trouble_since, restart = :restart

-- name: sites_in_use
-- Of builds that are not ended: what they run, or will run, with.
select distinct site from builds where state <> 'ended' and site <> ''
