-- Takes tickets away whose jobs are in Redis now.
-- $1 bigint[] tickets
DELETE FROM job_dispatches WHERE ticket = ANY ($1::bigint[])
