-- Takes the tickets of a batch away, as the dispatcher does once Redis has the jobs.
--
-- $1 bigint the first ticket   $2 bigint the last
DELETE FROM job_dispatches WHERE ticket BETWEEN $1::bigint AND $2::bigint
