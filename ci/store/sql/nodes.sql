-- name: add_lease
-- Nothing happens when somebody has the node.
insert into leases (node_id, node, holder, request_name, position, leased_at)
values (:node_id, :node, :holder, :request_name, :position, :now)
on conflict (node_id) do nothing

-- name: end_leases
delete from leases where holder = :holder

-- name: leases
select node_id, holder, leased_at from leases order by node_id

-- name: leases_of_build
select node from leases where holder = :holder order by position
