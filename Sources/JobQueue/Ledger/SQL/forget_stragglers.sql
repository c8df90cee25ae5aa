-- Forgets stragglers that are terminal. Their jobs are locked: a retry by hand either is seen, or comes after and
-- makes a straggler of its job again.
WITH done AS MATERIALIZED (
    SELECT j.id FROM job_stragglers s JOIN jobs j ON j.id = s.job_id
     WHERE j.state IN ('succeeded', 'dead', 'cancelled') LIMIT 10000
    FOR UPDATE OF j SKIP LOCKED
)
DELETE FROM job_stragglers s USING done d WHERE s.job_id = d.id
