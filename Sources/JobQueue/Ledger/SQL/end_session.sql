-- Ends a session, once. Waits for a begin of the session that is under way.
-- $1 uuid session   $2 text reason: stopped, died, expired
UPDATE worker_sessions SET ended_at = clock_timestamp(), end_reason = $2
WHERE id = $1::uuid AND ended_at IS NULL
RETURNING id
