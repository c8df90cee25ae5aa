-- Ends what earlier attempts of a job left running on this server: an attempt whose machine vanished may hold its lock
-- until TCP gives up, hours later. Only a later attempt may do so: epochs never run backwards.
-- Inputs:  $1 the job's id, $2 this attempt's epoch. Sessions are called "job <id> <epoch>".
-- Returns: one row: how many were ended; waits for each for up to 5 s.
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 5000)) AS ended
FROM pg_stat_activity
WHERE pid <> pg_backend_pid()
  AND CASE WHEN application_name ~ '^job [0-9a-f-]{36} [0-9]{1,18}$'
           THEN split_part(application_name, ' ', 2) = $1 AND split_part(application_name, ' ', 3)::bigint < $2
           ELSE false END
