-- Forgets stragglers that are terminal. Their jobs are locked: a retry by hand either is seen, or comes after and
-- makes a straggler of its job again.
WITH done AS MATERIALIZED (
    -- Looked up by id: a join would read all jobs.
    SELECT j.id FROM job_stragglers s
     CROSS JOIN LATERAL (
        SELECT id FROM jobs WHERE id = s.job_id AND state IN ('succeeded', 'dead', 'cancelled')
        FOR UPDATE SKIP LOCKED
     ) j LIMIT 10000
)
DELETE FROM job_stragglers s USING done d WHERE s.job_id = d.id
