-- Jobs, newest first, for people.
-- $1 text state or NULL   $2 text kind or NULL   $3 text queue or NULL   $4 uuid family or NULL
-- $5 bigint  before this seq or NULL   $6 integer  how many at most
SELECT id, seq, kind, queue, family_id, priority, NULL AS payload, idempotency_key, max_attempts, state, attempt,
    failures, crashes, epoch, session_id, reason, error::text AS error, progress::text AS progress, NULL AS result,
    to_char(enqueued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS enqueued_at,
    to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS due_at,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
    to_char(settled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS settled_at
FROM jobs
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::text IS NULL OR queue = $3)
  AND ($4::uuid IS NULL OR family_id = $4::uuid) AND ($5::bigint IS NULL OR seq < $5::bigint)
ORDER BY seq DESC LIMIT $6::integer
