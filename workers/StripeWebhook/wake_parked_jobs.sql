-- A family has its service back: jobs that were parked for it are looked at now.
-- Inputs:  $1 family
WITH woken AS (
    UPDATE job_dispatches SET due_at = clock_timestamp() WHERE parked_family_id = $1::uuid RETURNING ticket
)
SELECT pg_notify('chorewheel_dispatch', '') FROM woken LIMIT 1
