-- Registers a session. Jobs that were parked because nobody knew their kind are brought forward if it knows it.
-- $1 uuid id   $2 host   $3 pid   $4 version   $5 text[] queues   $6 text[] kinds   $7 concurrency   $8 uuid worker
-- Returns number.
WITH session AS (
    INSERT INTO worker_sessions (id, host, pid, version, queues, kinds, concurrency, worker_id)
    VALUES ($1::uuid, $2, $3::integer, $4, $5::text[], $6::text[], $7::integer, $8::uuid)
    RETURNING number
), known AS (
    UPDATE job_dispatches SET due_at = clock_timestamp()
     WHERE parked_kind = ANY ($6::text[]) AND due_at > clock_timestamp()
    RETURNING ticket
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM known LIMIT 1
)
SELECT number, (SELECT count(*) FROM told) AS told FROM session
