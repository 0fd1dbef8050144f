-- name: add_review
insert into reviews (buildset_id, kind, connection, record, created_at)
values (:buildset_id, :kind, :connection, :record, :now)

-- name: due_reviews
-- What is to be posted now; a row found `sending` was left by a crash and is looked up before it is posted again.
select id, buildset_id, kind, record, state, attempts from reviews
where state in ('pending', 'sending') and connection = :connection and retry_at <= :now order by id

-- name: next_retry_of_reviews
select min(retry_at) as at from reviews where state in ('pending', 'sending') and connection = :connection

-- name: claim_review
update reviews set state = 'sending', attempts = attempts + 1 where id = :id and state = 'pending'

-- name: sent_review
update reviews set state = 'sent', sent_at = :now, note = :note where id = :id and state = 'sending'

-- name: drop_review
update reviews set state = 'dropped', note = :note where id = :id and state = 'sending'

-- name: postpone_review
update reviews set state = 'pending', retry_at = :retry_at, note = :note where id = :id and state = 'sending'

-- name: reviews_of_buildset
select kind, state, attempts, note, sent_at, record from reviews where buildset_id = :buildset_id order by id
