-- Notes the running jobs of sessions that ended a while ago, or that are not there (their rows were deleted), as a
-- batch of their session, for reap_claims to take back.
-- None is there when healthy: ending a session takes its jobs back in the same transaction.
-- Returns session_id, jobs (how many), for each such session.
WITH mark AS MATERIALIZED (
    SELECT settled_seq FROM reconciliation
), running AS (
    -- Two ways to find jobs, and no OR of them, for which all jobs would be read. OFFSET 0: looked up by id.
    SELECT id, session_id, started_at FROM jobs WHERE seq > (SELECT settled_seq FROM mark) AND state = 'running'
    UNION ALL
    SELECT j.id, j.session_id, j.started_at FROM job_stragglers s
     CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = s.job_id OFFSET 0) j
     WHERE j.seq <= (SELECT settled_seq FROM mark) AND j.state = 'running'
), orphans AS (
    SELECT r.id, r.session_id FROM running r LEFT JOIN worker_sessions w ON w.id = r.session_id
     WHERE w.ended_at < clock_timestamp() - interval '5 seconds'
        OR (w.id IS NULL AND r.started_at < clock_timestamp() - interval '15 seconds')
)
INSERT INTO job_claims (session_id, number, job_ids)
SELECT session_id, 0, array_agg(id) FROM orphans GROUP BY session_id
ON CONFLICT (session_id, number) DO UPDATE SET job_ids = EXCLUDED.job_ids
RETURNING session_id, cardinality(job_ids) AS jobs
