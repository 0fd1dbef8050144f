-- name: add_lease
-- Nothing happens when somebody has the node.
insert into leases (node_id, node, build_id, request_name, position, leased_at)
values (:node_id, :node, :build_id, :request_name, :position, :now)
on conflict (node_id) do nothing

-- name: end_leases
delete from leases where build_id = :build_id

-- name: leases
select node_id, build_id, leased_at from leases order by node_id

-- name: leases_of_build
select node from leases where build_id = :build_id order by position
