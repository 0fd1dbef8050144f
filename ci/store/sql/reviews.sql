-- name: add_review
insert into reviews (buildset_id, kind, connection, record, created_at)
values (:buildset_id, :kind, :connection, :record, :now)

-- name: due_reviews
-- What is to be posted now; a row found `sending` was left by a crash and is looked up before it is posted again.
select id, buildset_id, kind, record, state, attempts from reviews
where state in ('pending', 'sending') and connection = :connection and retry_at <= :now order by id

-- name: next_retry_of_reviews
select min(retry_at) as at from reviews where state in ('pending', 'sending') and connection = :connection

-- name: open_review
select state from reviews where id = :id and state in ('pending', 'sending')

-- name: claim_review
update reviews set state = 'sending', attempts = attempts + 1 where id = :id and state = 'pending'

-- name: sent_review
update reviews set state = 'sent', sent_at = :now, note = :note where id = :id and state = :from_state

-- name: drop_review
update reviews set state = 'dropped', note = :note where id = :id and state = :from_state

-- name: postpone_review
update reviews set state = 'pending', retry_at = :retry_at, note = :note where id = :id and state = :from_state

-- name: hurry_reviews
update reviews set retry_at = :now where state in ('pending', 'sending') and connection = :connection and state = 'pending' and retry_at > :now

-- name: reviews_of_buildset
select kind, state, attempts, note, sent_at, record from reviews where buildset_id = :buildset_id order by id

-- name: open_reviews
-- What waits for each Gerrit, and what was last said of the one that has waited longest.
select connection, count(*) as count, min(created_at) as since, note from reviews
where state in ('pending', 'sending') group by connection order by connection

-- name: dropped_reviews
select reviews.id, reviews.buildset_id, reviews.kind, reviews.connection, reviews.note, reviews.record,
  (select at from transitions where noun_id = cast(reviews.id as text) and noun = 'review' order by id desc limit 1) as at
from reviews where state = 'dropped' order by reviews.id desc limit :limit
