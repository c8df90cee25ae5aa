-- Mends what should not happen: jobs that wait without a ticket get one, running jobs of an ended session are given
-- back as crashed. A no-op when healthy.
-- Returns repaired: how many jobs were mended.
WITH suspect AS (
    SELECT j.id, j.state, j.session_id, j.due_at, j.family_id FROM jobs j
    WHERE j.seq > (SELECT settled_seq FROM reconciliation) AND j.state IN ('scheduled', 'parked', 'running')
), ticketless AS (
    INSERT INTO job_dispatches (job_id, due_at, parked_family_id)
    SELECT s.id, COALESCE(s.due_at, clock_timestamp()), CASE WHEN s.state = 'parked' THEN s.family_id END
    FROM suspect s
    WHERE s.state IN ('scheduled', 'parked')
      AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = s.id)
    RETURNING job_id
), orphaned AS (
    UPDATE jobs j
       SET state = 'available', session_id = NULL, crashes = j.crashes + 1, attempt = j.attempt - 1
      FROM suspect s JOIN worker_sessions w ON w.id = s.session_id
     WHERE j.id = s.id AND j.state = 'running' AND j.session_id = s.session_id
       AND w.ended_at < clock_timestamp() - interval '5 seconds'
    RETURNING j.id
), tickets AS (
    INSERT INTO job_dispatches (job_id) SELECT id FROM orphaned
)
SELECT (SELECT count(*) FROM ticketless) + (SELECT count(*) FROM orphaned) AS repaired
