-- name: add_buildset
-- `change_number` and `patchset` are null for a branch.
insert into buildsets (id, event_id, pipeline, connection, project, branch, change_number, patchset, change, state, created_at)
values (:id, :event_id, :pipeline, :connection, :project, :branch, :change_number, :patchset, :change, 'running', :now)

-- name: end_buildset
update buildsets set state = 'ended', result = :result, ended_at = :now where id = :id and state = 'running'

-- name: buildset
select * from buildsets where id = :id

-- name: running_buildsets
-- All of them, oldest first.
select * from buildsets where state = 'running' order by created_at, id

-- name: running_buildsets_of_change
select * from buildsets
where state = 'running' and connection = :connection and change_number = :change_number order by created_at

-- name: running_buildsets_of_branch
select * from buildsets where state = 'running' and change_number is null
  and connection = :connection and project = :project and branch = :branch order by created_at

-- name: latest_ended_buildsets
select id from buildsets where state = 'ended' order by ended_at desc limit :limit

-- name: failures_of_tests
-- The same tests in builds of other changes or of branches, latest first, among the last `searched` builds that had failed tests.
-- `conclusive`: a JSON list of results; in a build with another one, tests fail of what is wrong with the CI.
select test.value ->> 'name' as test, failed.id as build_id, failed.job_name, failed.ended_at, buildsets.change
from (
  select id, buildset_id, job_name, ended_at, result, failed_tests from builds where failed_tests <> '[]'
  order by ended_at desc limit :searched
) as failed
join buildsets on buildsets.id = failed.buildset_id
join json_each(failed.failed_tests) as test
where test.value ->> 'name' in (select value from json_each(:tests))
  and failed.result in (select value from json_each(:conclusive))
  and (buildsets.connection <> :connection or buildsets.change_number is not :change_number)
order by failed.ended_at desc limit :limit

-- name: builds_of_buildset
select * from builds where buildset_id = :buildset_id order by rowid

-- name: build
select * from builds where id = :id

-- name: builds_like
-- A build by the beginning of its id.
select * from builds where id >= :prefix and id < :prefix || 'g' limit 2

-- name: open_builds
-- What is not ended, in the order in which it was asked for.
select * from builds where state <> 'ended' order by created_at, rowid

-- name: waiting_builds
select * from builds where state <> 'ended' and state = 'waiting' order by created_at, rowid

-- name: builds_with_nodes
select * from builds where state <> 'ended' and state <> 'waiting' order by created_at, rowid

-- name: latest_builds
select builds.*, buildsets.change, buildsets.pipeline from builds join buildsets on buildsets.id = buildset_id
order by builds.created_at desc, builds.rowid desc limit :limit

-- name: latest_builds_of_job
select builds.*, buildsets.change, buildsets.pipeline from builds join buildsets on buildsets.id = buildset_id
where job_name = :job order by builds.created_at desc, builds.rowid desc limit :limit

-- name: latest_builds_of_change
-- `connection` null: of a change in any Gerrit; `job` null for all.
select builds.*, buildsets.change, buildsets.pipeline from buildsets join builds on buildsets.id = buildset_id
where change_number = :change_number and (:connection is null or connection = :connection)
  and (:job is null or job_name = :job)
order by builds.created_at desc, builds.rowid desc limit :limit

-- name: add_build
insert into builds (id, buildset_id, job_name, job, precedence, site, state, created_at)
values (:id, :buildset_id, :job_name, :job, :precedence, :site, 'waiting', :now)

-- name: lease_build
update builds set state = 'starting', started_at = :now, machines = :machines where id = :id and state = 'waiting'

-- name: run_build
update builds set state = 'running', pid = :pid, pid_start_time = :pid_start_time where id = :id and state = 'starting'

-- name: retry_build
-- Attempts that are not charged are counted aside; a new round charges none of the earlier ones and forgets losses.
update builds set state = 'waiting', attempt = attempt + 1, error = :error, pid = null, pid_start_time = null,
  started_at = null, retry_at = :retry_at, rounds = rounds + :new_round,
  losses = case when :new_round then 0 else losses + :lost end,
  uncharged = case when :new_round then attempt when :charged then uncharged else uncharged + 1 end
where id = :id and state = :from_state

-- name: end_build
-- `tests_taken_at` null: it has tests to tell of.
update builds set state = 'ended', result = :result, error = :error, failed_tests = :failed_tests, counts = :counts,
  ended_at = :now, started_at = coalesce(started_at, :now), tests_taken_at = :tests_taken_at
where id = :id and state = :from_state

-- name: cancel_build
-- Ask for the end of a build that has nodes; the executor sees to it.
update builds set cancel_reason = :reason where id = :id and state in ('starting', 'running') and cancel_reason is null

-- name: add_transition
insert into transitions (at, noun, noun_id, from_state, to_state, reason)
values (:at, :noun, :noun_id, :from_state, :to_state, :reason)

-- name: transitions_of
select at, noun, from_state, to_state, reason from transitions where noun_id = :noun_id order by id

-- name: add_task_events
-- Many in one statement: `records` is a JSON list of texts, the first of which has the given position.
insert or ignore into task_events (build_id, attempt, position, record)
select :build_id, :attempt, :position + key, value from json_each(:records)

-- name: task_events
select record from task_events where build_id = :build_id and attempt = :attempt order by position

-- name: tell_wait
-- An error of the last attempt stays; only a reason to wait gives way to another.
update builds set error = :reason
where id = :id and state = 'waiting' and (error = '' or error glob 'waits: *') and error <> :reason
