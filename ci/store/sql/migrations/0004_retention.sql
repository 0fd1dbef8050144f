-- What keeps the cost of every question and of the janitor's work apart from how much has happened before.

alter table builds add column logs_removed_at real; -- null: logs and task events are there
create index builds_with_logs on builds (ended_at) where state = 'ended' and logs_removed_at is null;

create index builds_job on builds (job_name, created_at);
create index buildsets_change on buildsets (change_number, created_at);
-- Without it each removed event would look through all buildsets for one that refers to it.
create index buildsets_event on buildsets (event_id) where event_id is not null;

-- The running ones, in order: with an index of all of them at hand SQLite went over the whole history instead.
drop index buildsets_created;
create index buildsets_open on buildsets (created_at, id) where state = 'running';
