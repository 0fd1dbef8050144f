-- name: add_event
-- A new event; nothing happens when its natural key is known.
-- Another than `same_source` may have told of it at about that time, under a key that begins as `same_as` (JSON) says.
insert into events (connection, natural_key, type, created_at, received_at, record, source, state, outcome, retry_at)
select :connection, :natural_key, :type, :created_at, :received_at, :record, :source, :state, :outcome, :retry_at
where not exists (
  select 1 from json_each(:same_as) as stem cross join events on events.connection = :connection
    and events.natural_key >= stem.value and events.natural_key < stem.value || char(1114111)
    and events.created_at between :earliest and :latest and events.source <> :same_source
)
on conflict (connection, natural_key) do nothing

-- name: new_events
-- What has not been acted on, oldest first.
select id, record from events where state = 'new' and connection = :connection and retry_at <= :now
order by id limit :limit

-- name: next_retry_of_events
select min(retry_at) as at from events where state = 'new' and connection = :connection

-- name: end_event
update events set state = 'done', outcome = :outcome where id = :id and state = 'new'

-- name: postpone_event
update events set retry_at = :retry_at, outcome = :reason where id = :id and state = 'new'

-- name: waiting_events
select connection, count(*) as n from events where state = 'new' group by connection

-- name: count_new_events
select count(*) as n from events where state = 'new'

-- name: set_connection_state
insert into connections (name, state, reason, since) values (:name, :state, :reason, :now)
on conflict (name) do update set
  -- since when it is connected, or is not
  since = case when (state = 'connected') = (:state = 'connected') then since else :now end,
  state = :state, reason = :reason

-- name: touch_connection
update connections set last_event_at = :now where name = :name

-- name: watermark
select watermark from connections where name = :name

-- name: raise_watermark
update connections set watermark = :watermark where name = :name and coalesce(watermark, -1) < :watermark

-- name: timer
select told_until from timers
where pipeline = :pipeline and cron = :cron and connection = :connection and project = :project

-- name: set_timer
insert into timers (pipeline, cron, connection, project, told_until)
values (:pipeline, :cron, :connection, :project, :told_until)
on conflict (pipeline, cron, connection, project) do update set told_until = :told_until

-- name: connections
select name, state, reason, since, last_event_at from connections order by name
