-- The whole state of the CI. Times: seconds since the epoch, UTC (real), unless a name says otherwise.

-- One row for each Gerrit of the site: how its stream is doing.
--   connecting -> connected -> down -> connecting ...; alarm: a person must act (host key, rejected key)
create table connections (
    name text primary key,
    state text not null check (state in ('connecting', 'connected', 'down', 'alarm')),
    reason text not null default '',
    since real not null,
    last_event_at real
) strict;

-- What happened in the Gerrits, and what operators ordered. A row is here before anything acts on it.
--   new -> done: acted upon, `outcome` says how
create table events (
    id integer primary key,
    connection text not null,
    natural_key text not null,
    type text not null,
    created_at integer not null,
    received_at real not null,
    record text not null,       -- JSON of ci.model.event.Event
    state text not null default 'new' check (state in ('new', 'done')),
    retry_at real not null default 0,
    outcome text not null default '',
    unique (connection, natural_key)
) strict;
create index events_new on events (id) where state = 'new';

-- What one event started for one change in one pipeline.
--   running -> ended: all builds ended, or canceled
create table buildsets (
    id text primary key,
    event_id integer references events,
    pipeline text not null,
    connection text not null,
    project text not null,
    change_number integer not null,
    patchset integer not null,
    change text not null,       -- JSON of ci.model.change.Change
    state text not null check (state in ('running', 'ended')),
    result text,
    created_at real not null,
    ended_at real
) strict;
-- A pipeline tests a patch set once at a time: this index is the lock.
create unique index buildsets_running on buildsets (pipeline, connection, change_number, patchset)
where state = 'running';
create index buildsets_created on buildsets (created_at);
create index buildsets_ended on buildsets (ended_at) where state = 'ended';

-- One job of a buildset, with its latest attempt.
--   waiting (for nodes) -> starting (nodes leased, source being prepared) -> running (pid) -> ended
--   starting | running -> waiting: another attempt
create table builds (
    id text primary key,
    buildset_id text not null references buildsets,
    job_name text not null,
    job text not null,          -- JSON of ci.model.job.FrozenJob
    state text not null check (state in ('waiting', 'starting', 'running', 'ended')),
    attempt integer not null default 1,
    result text,
    error text not null default '',
    failed_tests text not null default '[]',
    counts text,
    pid integer,
    pid_start_time integer,
    cancel_reason text,
    created_at real not null,
    started_at real,
    ended_at real,
    unique (buildset_id, job_name)
) strict;
create index builds_open on builds (created_at) where state <> 'ended';
create index builds_created on builds (created_at);
create index builds_with_failed_tests on builds (ended_at) where failed_tests <> '[]';

-- Nodes in use: a row is the lock. `build_id` is a build of this database, or `run-PID-START` for a node that an
-- operator's `powervm-ci run` has.
create table leases (
    node_id text primary key,
    node text not null,         -- JSON of ci.model.node.Node
    build_id text not null,
    request_name text not null, -- the node's name in the job's nodeset
    position integer not null,  -- its place in the nodeset
    leased_at real not null
) strict;
create index leases_build on leases (build_id);

-- The outbox: reviews to post, each exactly once.
--   pending -> sending -> sent; sending -> pending: to be tried again; sending -> dropped: Gerrit said no for good, or
--   the patch set is no longer current
create table reviews (
    id integer primary key,
    buildset_id text not null references buildsets,
    kind text not null check (kind in ('start', 'result')),
    connection text not null,
    record text not null,       -- JSON of ci.model.vote.Review
    state text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'dropped')),
    attempts integer not null default 0,
    retry_at real not null default 0,
    note text not null default '',
    created_at real not null,
    sent_at real,
    unique (buildset_id, kind)
) strict;
create index reviews_open on reviews (id) where state in ('pending', 'sending');

-- Each step of each build, buildset and review; only ever added to.
create table transitions (
    id integer primary key,
    at real not null,
    noun text not null,
    noun_id text not null,
    from_state text not null,
    to_state text not null,
    reason text not null default ''
) strict;
create index transitions_noun on transitions (noun_id, id);

-- The Ansible tasks of each attempt at a build, in order.
create table task_events (
    build_id text not null references builds,
    attempt integer not null,
    position integer not null,
    record text not null,       -- JSON as the build's process wrote it
    primary key (build_id, attempt, position)
) strict, without rowid;
