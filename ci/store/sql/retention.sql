-- name: builds_with_old_logs
-- Ended builds whose logs are there although their time is over, oldest first.
select builds.*, buildsets.change, buildsets.pipeline from builds join buildsets on buildsets.id = buildset_id
where builds.state = 'ended' and builds.logs_removed_at is null and builds.ended_at < :before
order by builds.ended_at limit :limit

-- name: has_task_events
select 1 from task_events where build_id = :build_id limit 1

-- name: remove_task_events
delete from task_events where (build_id, attempt, position) in (
  select build_id, attempt, position from task_events where build_id = :build_id limit :limit
)

-- name: mark_logs_removed
update builds set logs_removed_at = :now where id = :id and state = 'ended'

-- name: old_buildsets
-- Ended ones whose logs are gone, whose nodes nobody holds and whose reviews are done with, oldest first.
select id, event_id from buildsets where state = 'ended' and ended_at < :before
  and not exists (
    select 1 from builds where buildset_id = buildsets.id and (
      state <> 'ended' or logs_removed_at is null or exists (select 1 from holds where build_id = builds.id)
    )
  )
  and not exists (select 1 from reviews where buildset_id = buildsets.id and state in ('pending', 'sending'))
order by ended_at limit :limit

-- name: remove_transitions_of_buildset
delete from transitions where noun in ('build', 'buildset', 'review') and noun_id in (
  select :id union all select id from builds where buildset_id = :id
  union all select cast(id as text) from reviews where buildset_id = :id
)

-- name: remove_old_stories
-- Of what has no buildset to go with.
delete from transitions where id in (
  select id from transitions where noun in ('node', 'hold', 'autohold') and at < :before order by at limit :limit
)

-- name: remove_task_events_of_buildset
delete from task_events where build_id in (select id from builds where buildset_id = :id)

-- name: remove_reviews_of_buildset
delete from reviews where buildset_id = :id

-- name: remove_builds_of_buildset
delete from builds where buildset_id = :id

-- name: remove_buildset
delete from buildsets where id = :id

-- name: remove_event_of_buildset
-- One that another buildset came of too is kept until that one goes.
delete from events where id = :id and state = 'done' and not exists (select 1 from buildsets where event_id = :id)

-- name: events_after
-- The next ones in the order in which they came; `used`: a buildset came of it.
select id, received_at, state, exists (select 1 from buildsets where event_id = event.id) as used
from (select id, received_at, state from events where id > :after order by id limit :limit) as event

-- name: remove_events
-- `ids` is JSON.
delete from events where id in (select value from json_each(:ids)) and state = 'done'

-- name: remove_test_days
-- There are as many series as pairs of a job and a branch.
delete from test_days where (series_id, day, test_id) in (
  select series_id, day, test_id from test_series cross join test_days
    on test_days.series_id = test_series.id and day < :before limit :limit
)

-- name: remove_empty_test_series
delete from test_series where not exists (select 1 from test_days where series_id = test_series.id)

-- name: tests_after
select id, exists (select 1 from test_days where test_id = test.id) as used
from (select id from tests where id > :after order by id limit :limit) as test

-- name: remove_tests
-- `ids` is JSON.
delete from tests where id in (select value from json_each(:ids))
