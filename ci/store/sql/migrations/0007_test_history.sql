-- What each test did over time. Kept in small rows: a build brings a thousand of them, most of which are there already.

-- Names are kept once.
create table tests (
    id integer primary key,
    name text not null,                         -- full name without tags
    idempotent_id text not null,                -- "" where it has none
    unique (name, idempotent_id)
) strict;
create index tests_idempotent_id on tests (idempotent_id) where idempotent_id <> '';

create table test_series (
    id integer primary key,
    job text not null,
    branch text not null,
    unique (job, branch)
) strict;

-- In how many builds of a day a test did what. The rows of one build lie side by side.
create table test_days (
    series_id integer not null references test_series,
    day integer not null,                       -- since the epoch, UTC
    test_id integer not null references tests,
    passed integer not null,
    failed integer not null,
    skipped integer not null,
    last_build text not null,                   -- the beginning of its id
    primary key (series_id, day, test_id)
) strict, without rowid;
create index test_days_of_test on test_days (test_id, day);

alter table builds add column tests_taken_at real; -- null: its tests are not in the figures yet
-- What has no logs any more, or had no tests to tell of, is done with.
update builds set tests_taken_at = ended_at where state = 'ended' and (
  logs_removed_at is not null or counts is null or result not in ('SUCCESS', 'FAILURE', 'TIMED_OUT', 'POST_FAILURE')
);
create index builds_untaken on builds (ended_at) where state = 'ended' and tests_taken_at is null;
