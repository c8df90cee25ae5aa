-- A page of stragglers, for the reconciler. Apart from available_jobs: in one statement with it PostgreSQL walks
-- through all jobs in the order of seq to find these few (25 ms a page instead of 1).
-- $1 uuid  after this job (NULL: from the first)    $2 integer  page size
-- $3 integer  crashes from which on a job is quarantined
-- Returns a row for each, by id: as available_jobs, and available (whether it is, in a
-- queue whose name can be one).
SELECT j.id, CASE WHEN j.queue ~ '^[a-z][a-z0-9_.-]{0,63}$' THEN j.queue ELSE 'default' END AS queue,
    j.family_id, j.priority, j.seq, j.crashes >= $3::integer AS quarantined,
    j.state = 'available' AND j.queue ~ '^[a-z][a-z0-9_.-]{0,63}$' AS available
FROM (SELECT job_id FROM job_stragglers
       WHERE job_id >= COALESCE($1::uuid, '00000000-0000-0000-0000-000000000000')
         AND job_id IS DISTINCT FROM $1::uuid       -- the nil id, too, is some caller's job
       ORDER BY job_id LIMIT $2::integer) s
CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = s.job_id OFFSET 0) j     -- looked up by id: no join with all jobs
ORDER BY j.id
