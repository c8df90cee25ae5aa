-- Gives tickets to jobs that wait without one: nothing would wake them. A no-op when healthy.
-- Returns given: how many.
WITH ticketless AS (
    INSERT INTO job_dispatches (job_id, seq, due_at, parked_family_id, parked_kind)
    SELECT j.id, j.seq, COALESCE(j.due_at, clock_timestamp()), CASE WHEN j.state = 'parked' THEN j.family_id END,
        CASE WHEN j.reason = 'unknown_kind' THEN j.kind END
      FROM jobs j
     WHERE (j.seq > (SELECT settled_seq FROM reconciliation) OR j.id IN (SELECT job_id FROM job_stragglers))
       AND j.state IN ('scheduled', 'parked')
       AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)
    RETURNING job_id
)
SELECT count(*) AS given FROM ticketless
