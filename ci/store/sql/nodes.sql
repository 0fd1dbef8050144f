-- name: add_lease
-- Nothing happens when somebody has the node.
insert into leases (node_id, node, holder, request_name, position, leased_at)
values (:node_id, :node, :holder, :request_name, :position, :now)
on conflict (node_id) do nothing

-- name: end_leases
delete from leases where holder = :holder

-- name: pass_leases_on
update leases set holder = :new_holder where holder = :holder

-- name: leases
select node_id, holder, leased_at from leases order by node_id

-- name: leases_of_build
select node from leases where holder = :holder order by position

-- name: lost_holders
-- Who has nodes and is neither a command that runs, nor an open build, nor a hold.
select distinct holder from leases
where holder not glob 'run-*'
  and not exists (select 1 from builds where builds.id = leases.holder and builds.state <> 'ended')
  and not exists (select 1 from holds where 'hold-' || holds.id = leases.holder)

-- name: conditions
select * from nodes order by machine

-- name: condition
select * from nodes where machine = :machine

-- name: set_condition
insert into nodes (machine, state, failures, reason, since, retry_at, is_ill, last_build)
values (:machine, :state, :failures, :reason, :since, :retry_at, :is_ill, :last_build)
on conflict (machine) do update set state = :state, failures = :failures, reason = :reason, since = :since,
  retry_at = :retry_at, is_ill = :is_ill, last_build = :last_build
