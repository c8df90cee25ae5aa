-- A job's last recorded attempts, oldest first. $1 uuid  $2 integer how many at most
SELECT epoch, attempt, outcome, session_id, error::text AS error,
    to_char(started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS started_at,
    to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS ended_at
FROM (SELECT * FROM job_attempts WHERE job_id = $1::uuid ORDER BY epoch DESC LIMIT $2::integer) a
ORDER BY epoch
