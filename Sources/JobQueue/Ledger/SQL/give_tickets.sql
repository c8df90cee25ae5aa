-- Gives tickets to jobs that wait without one: nothing would wake them. A no-op when healthy.
-- Returns given: how many.
WITH mark AS MATERIALIZED (
    SELECT settled_seq FROM reconciliation
), waiting AS (
    -- Two ways to find jobs, and no OR of them, for which all jobs would be read. OFFSET 0: looked up by id.
    SELECT id, seq, due_at, state, reason, family_id, kind FROM jobs
     WHERE seq > (SELECT settled_seq FROM mark) AND state IN ('scheduled', 'parked')
    UNION ALL
    SELECT j.id, j.seq, j.due_at, j.state, j.reason, j.family_id, j.kind FROM job_stragglers s
     CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = s.job_id OFFSET 0) j
     WHERE j.seq <= (SELECT settled_seq FROM mark) AND j.state IN ('scheduled', 'parked')
), ticketless AS (
    INSERT INTO job_dispatches (job_id, seq, due_at, parked_family_id, parked_kind)
    SELECT w.id, w.seq, COALESCE(w.due_at, clock_timestamp()), CASE WHEN w.state = 'parked' THEN w.family_id END,
        CASE WHEN w.reason = 'unknown_kind' THEN w.kind END
      FROM waiting w
     WHERE NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = w.id)
    RETURNING job_id
)
SELECT count(*) AS given FROM ticketless
