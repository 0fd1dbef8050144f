-- Which commit of the site's own repository is in force; what its builds run with.

-- One row, none before the first service that knows of it.
create table site (
    id integer primary key check (id = 1),
    commit_id text not null,            -- '' for the folder that the service was started with
    since real not null,
    refused text not null,              -- the newest commit that was not taken over, '' for none
    reason text not null,               -- why it was refused
    trouble text not null,              -- why the repository cannot be read, '' when it can
    trouble_since real not null,
    restart text not null               -- what counts only after a restart
) strict;

-- The commit that a build's playbooks and lists are of, '' for the folder that the service was started with.
alter table builds add column site text not null default '';
