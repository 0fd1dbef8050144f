-- Jobs may run for the tip of a branch: then there is no change.

alter table buildsets add column branch text not null default '';
update buildsets set branch = coalesce(change ->> 'branch', '');
-- Null for a branch; SQLite can only make a column nullable by another one in its place.
drop index buildsets_running;
drop index buildsets_change;
alter table buildsets add column new_change_number integer;
alter table buildsets add column new_patchset integer;
update buildsets set new_change_number = change_number, new_patchset = patchset;
alter table buildsets drop column change_number;
alter table buildsets drop column patchset;
alter table buildsets rename column new_change_number to change_number;
alter table buildsets rename column new_patchset to patchset;
-- A pipeline tests a patch set once at a time, and a branch too: these indexes are the locks.
create unique index buildsets_running on buildsets (pipeline, connection, change_number, patchset)
where state = 'running';
create unique index buildsets_running_branch on buildsets (connection, project, branch, pipeline)
where state = 'running' and change_number is null;
create index buildsets_change on buildsets (change_number, created_at) where change_number is not null;

-- Up to when the times of a pipeline's timer have become events, for one project.
create table timers (
    pipeline text not null,
    cron text not null,
    connection text not null,
    project text not null,
    told_until real not null,
    primary key (pipeline, cron, connection, project)
) strict, without rowid;

-- That of the build's pipeline: who gets nodes first.
alter table builds add column precedence text not null default 'normal'
check (precedence in ('high', 'normal', 'low'));
