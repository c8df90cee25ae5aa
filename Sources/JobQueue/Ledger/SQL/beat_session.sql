-- A heartbeat, by the server's clock. Returns no row when the session was ended by somebody else: its jobs are others'.
-- Not waited for until it is on disk: the next one comes soon.
-- $1 uuid session      $2 boolean whether it is quiet: claims nothing any more
-- Returns cancelled: the session's running jobs that a person gave up.
WITH lax AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
UPDATE worker_sessions s SET beat_at = clock_timestamp(), is_quiet = $2::boolean FROM lax
WHERE s.id = $1::uuid AND s.ended_at IS NULL
RETURNING COALESCE(
    -- A request whose job succeeded all the same stays until the session ends: settle_succeeded.sql has no time for it.
    (SELECT array_agg(c.job_id) FROM job_cancellations c JOIN jobs j ON j.id = c.job_id AND j.session_id = c.session_id
      WHERE c.session_id = s.id),
    '{}') AS cancelled
