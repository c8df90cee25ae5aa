-- One job, for people. $1 uuid
SELECT id, seq, kind, queue, family_id, priority, payload::text AS payload, idempotency_key, max_attempts, state,
    attempt, failures, crashes, epoch, session_id, reason, error::text AS error, progress::text AS progress,
    result::text AS result,
    to_char(enqueued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS enqueued_at,
    to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS due_at,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
    to_char(settled_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS settled_at
FROM jobs WHERE id = $1::uuid
