-- Sessions that are alive, and those that ended in the last hour.
SELECT id, number, host, pid, version, queues, kinds, concurrency, is_quiet, end_reason,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
    to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ended_at,
    (extract(epoch FROM clock_timestamp() - beat_at) * 1000)::bigint AS beat_age_ms,
    COALESCE((SELECT sum((SELECT count(*) FROM jobs j WHERE j.id = ANY (c.job_ids) AND j.session_id = s.id))
              FROM job_claims c WHERE c.session_id = s.id), 0) AS running
FROM worker_sessions s
WHERE ended_at IS NULL OR ended_at > now() - interval '1 hour'
ORDER BY number DESC LIMIT 500
