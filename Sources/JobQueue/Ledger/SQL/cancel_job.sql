-- Gives a job up: at once when it is not running, else by asking its session.
-- $1 uuid job.  Returns done: 'cancelled', 'requested', or no row when its state allows neither.
WITH cancelled AS (
    UPDATE jobs SET state = 'cancelled', settled_at = clock_timestamp(), due_at = NULL, reason = NULL
    WHERE id = $1::uuid AND state IN ('scheduled', 'available', 'parked')
    RETURNING id
), requested AS (
    INSERT INTO job_cancellations (job_id, session_id)
    SELECT id, session_id FROM jobs WHERE id = $1::uuid AND state = 'running'
    ON CONFLICT (job_id) DO UPDATE SET session_id = EXCLUDED.session_id, requested_at = clock_timestamp()
    RETURNING job_id
)
SELECT 'cancelled' AS done FROM cancelled UNION ALL SELECT 'requested' FROM requested
