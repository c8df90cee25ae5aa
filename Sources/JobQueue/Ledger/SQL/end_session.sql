-- Ends a session, once. Waits for a begin of the session that is under way.
-- $1 uuid session   $2 text reason: stopped, died, expired
-- $3 bigint  only if it has not beaten for so many milliseconds; 0: in any case
UPDATE worker_sessions SET ended_at = clock_timestamp(), end_reason = $2
WHERE id = $1::uuid AND ended_at IS NULL
  AND beat_at <= clock_timestamp() - make_interval(secs => $3::bigint / 1000.0)
RETURNING id
