-- The jobs of a state of which there are few, dead or open: found by what lists them, however many jobs there were.
-- Takes the place of the table in list_jobs.sql.
--
-- $1 text  the state: dead, available, running, scheduled or parked
SELECT * FROM jobs WHERE $1::text = 'dead' AND dead_at IS NOT NULL
UNION ALL
SELECT * FROM jobs WHERE $1::text <> 'dead' AND seq > (SELECT settled_seq FROM reconciliation)
UNION ALL
SELECT j.* FROM (SELECT job_id FROM job_stragglers UNION SELECT job_id FROM job_dispatches) w
CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = w.job_id OFFSET 0) j
WHERE $1::text <> 'dead' AND j.seq <= (SELECT settled_seq FROM reconciliation)
