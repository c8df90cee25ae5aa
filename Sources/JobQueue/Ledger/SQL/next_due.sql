-- How long until the next ticket is due, in milliseconds; no row when there is none.
SELECT GREATEST(0, ceil(extract(epoch FROM due_at - clock_timestamp()) * 1000))::bigint AS milliseconds
FROM job_dispatches ORDER BY due_at LIMIT 1
