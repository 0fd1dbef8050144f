-- Machines that fail are paused and set aside; nodes are kept for people.

-- How a machine has done; there is no row before something happens to it.
--   ready -> set-aside: thrice in a row it failed; set-aside -> ready: enabled, or it was ill and is well again
--   any -> draining -> ready: a person's orders
create table nodes (
    machine text primary key,   -- PROVIDER/NAME
    state text not null default 'ready' check (state in ('ready', 'draining', 'set-aside')),
    failures integer not null default 0,        -- in a row
    reason text not null default '',            -- of the last failure, or of the order
    since real not null,                        -- in this state
    retry_at real not null default 0,           -- no build before; set aside and ill: looked at again then
    is_ill integer not null default 0,          -- the last failure was a health check
    last_build text not null default ''         -- the build under which it was lost last
) strict;

-- Orders to keep the nodes of the next failed builds of a job. Gone when withdrawn, or used up and all nodes let go.
create table autoholds (
    id integer primary key autoincrement,       -- a number is never used again: it is part of names
    connection text not null,
    project text not null,
    job text not null,
    change_number integer,                      -- null: any change
    reason text not null,
    max_count integer not null,
    current_count integer not null default 0,
    node_hold_expiration integer not null,      -- seconds; 0: until it is withdrawn
    created_at real not null
) strict;

-- Nodes that are kept: the holder of their leases is `hold-ID`.
--   held -> releasing: expired or withdrawn, its cleanup-run runs -> gone, with the leases
create table holds (
    id integer primary key autoincrement,
    autohold_id integer references autoholds on delete set null,
    build_id text not null references builds,
    attempt integer not null,
    job text not null,
    reason text not null,
    state text not null default 'held' check (state in ('held', 'releasing')),
    held_at real not null,
    expires_at real,                            -- null: until it is withdrawn
    unique (build_id, attempt)
) strict;
create index holds_autohold on holds (autohold_id);
