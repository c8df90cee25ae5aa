-- Notes the running jobs of sessions that ended a while ago, or that are not there (their rows were deleted), as a
-- batch of their session, for reap_claims to take back.
-- None is there when healthy: ending a session takes its jobs back in the same transaction.
-- Returns session_id, jobs (how many), for each such session.
WITH orphans AS (
    SELECT j.id, j.session_id FROM jobs j LEFT JOIN worker_sessions w ON w.id = j.session_id
     WHERE (j.seq > (SELECT settled_seq FROM reconciliation) OR j.id IN (SELECT job_id FROM job_stragglers))
       AND j.state = 'running'
       AND (w.ended_at < clock_timestamp() - interval '5 seconds'
            OR (w.id IS NULL AND j.started_at < clock_timestamp() - interval '15 seconds'))
)
INSERT INTO job_claims (session_id, number, job_ids)
SELECT session_id, 0, array_agg(id) FROM orphans GROUP BY session_id
ON CONFLICT (session_id, number) DO UPDATE SET job_ids = EXCLUDED.job_ids
RETURNING session_id, cardinality(job_ids) AS jobs
