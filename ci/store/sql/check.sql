-- Questions of `powervm-ci db check`: each row is something that must not be. They go over whole tables.

-- name: check_leases_of_ended_builds
select leases.node_id, leases.holder from leases join builds on builds.id = leases.holder
where builds.state = 'ended'

-- name: check_leases_of_nobody
-- Holders that are no build, no `powervm-ci run` and no hold.
select node_id, holder from leases
where holder not like 'run-%' and holder not like 'hold-%'
  and not exists (select 1 from builds where builds.id = leases.holder)

-- name: check_leases_of_ended_holds
select node_id, holder from leases where holder like 'hold-%' and not exists (
  select 1 from holds where 'hold-' || holds.id = leases.holder
)

-- name: check_builds_without_nodes
-- Nodes are leased in the transaction that makes a build start.
select id, state from builds where state in ('starting', 'running') and json_array_length(builds.job, '$.nodeset.nodes') > 0
  and not exists (select 1 from leases where leases.holder = builds.id)

-- name: check_buildsets_without_end
select id from buildsets where state = 'running' and not exists (
  select 1 from builds where buildset_id = buildsets.id and state <> 'ended'
)

-- name: check_buildsets_ended_too_early
-- A canceled buildset ends before its builds do.
select buildsets.id as id from buildsets where buildsets.state = 'ended' and buildsets.result <> 'CANCELED' and exists (
  select 1 from builds where buildset_id = buildsets.id and builds.state <> 'ended'
)

-- name: check_ends_without_result
select 'build' as noun, id from builds where state = 'ended' and (result is null or ended_at is null)
union all select 'buildset', id from buildsets where state = 'ended' and (result is null or ended_at is null)

-- name: check_results_without_end
select 'build' as noun, id from builds where state <> 'ended' and (result is not null or ended_at is not null)
union all select 'buildset', id from buildsets where state <> 'ended' and (result is not null or ended_at is not null)

-- name: check_running_without_process
select id from builds where state = 'running' and pid is null

-- name: check_reviews_without_end
-- Results of buildsets that have none, and reviews that were sent at no time.
select reviews.id as id, 'the result of a buildset that runs' as what from reviews
join buildsets on buildsets.id = reviews.buildset_id where reviews.kind = 'result' and buildsets.state = 'running'
union all select id, 'sent, but at no time' from reviews where state = 'sent' and sent_at is null

-- name: check_steps_that_differ
-- The last step that a build's story tells is the state that it is in.
select builds.id as id, builds.state as state, (
  select to_state from transitions where noun_id = builds.id and noun = 'build' order by id desc limit 1
) as told
from builds where state is not told
