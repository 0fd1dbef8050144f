-- What recovery needs to know: how far back a Gerrit must be asked, who told of an event, which attempts do not count.

-- Gerrit's own time before which all that happened is in the log.
alter table connections add column watermark integer;

alter table events add column source text not null default 'stream' check (source in ('stream', 'query', 'order'));
drop index events_new;
create index events_new on events (connection, id) where state = 'new';

alter table builds add column uncharged integer not null default 0; -- attempts that were not the job's fault
alter table builds add column losses integer not null default 0;    -- of these: the process was gone
alter table builds add column rounds integer not null default 0;    -- how often all attempts were begun again
alter table builds add column retry_at real not null default 0;     -- no node before
alter table builds add column machines text not null default '[]';  -- JSON: those of the latest attempt

-- `build_id` was the name; but a node may also be held for a person.
alter table leases rename column build_id to holder;

drop index reviews_open;
create index reviews_open on reviews (connection, id) where state in ('pending', 'sending');
