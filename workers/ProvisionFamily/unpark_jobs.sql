-- Jobs of a family that waited for its database are due now; the dispatcher is told, at the commit.
-- Inputs:  $1 the family. Returns: one row, of no meaning.
WITH due AS (
    UPDATE job_dispatches SET due_at = clock_timestamp() WHERE parked_family_id = $1
)
SELECT pg_notify('chorewheel_dispatch', '')
