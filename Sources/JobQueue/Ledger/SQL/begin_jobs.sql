-- Begins attempts of claimed jobs: a new epoch for each, the batch noted under its session.
--
-- $1 uuid[]  claimed ids      $2 uuid  session      $3 bigint  number of the batch within the session
-- $4 integer  crashes from which on a job is quarantined      $5 boolean  whether quarantined jobs are begun, or others
-- Returns a row for each job begun. A claimed id without a row was not available any more, or not here: its hint was
-- stale. (A job came to quarantine by a crash, and that gave it a ticket to there.)
-- Called again with the same number after a lost reply, it returns what the first call began.
-- Not waited for until it is on disk: should the server crash and lose it, the job is available again with the epoch
-- before. Then two attempts may have one epoch, but never of one session: whoever settles names both.
-- Nothing is begun for a session that ended: its row is locked FOR SHARE, so that an end (an UPDATE) either comes
-- before, and is seen, or waits and then finds the batch in job_claims.
WITH lax AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), live AS MATERIALIZED (
    SELECT s.id FROM worker_sessions s, lax WHERE s.id = $2::uuid AND s.ended_at IS NULL FOR SHARE OF s
), begun AS (
    UPDATE jobs j
       SET state = 'running', attempt = j.attempt + 1, epoch = j.epoch + 1, session_id = live.id,
           started_at = clock_timestamp()
      FROM live
     WHERE j.id = ANY ($1::uuid[]) AND j.state = 'available' AND (j.crashes >= $4::integer) = $5::boolean
       -- Edited to the end of their range: such a job is not begun, and keeps no other.
       AND j.attempt < 2147483647 AND j.epoch < 9223372036854775807
    RETURNING j.id, j.kind, j.queue, j.family_id, j.payload::text AS payload, j.payload_version, j.attempt, j.failures,
        j.crashes, j.epoch, j.max_attempts, j.idempotency_key
), noted AS (
    INSERT INTO job_claims (session_id, number, job_ids)
    SELECT $2::uuid, $3::bigint, array_agg(id) FROM begun HAVING count(*) > 0
    ON CONFLICT (session_id, number) DO UPDATE SET job_ids = job_claims.job_ids || EXCLUDED.job_ids
)
SELECT id, kind, queue, family_id, payload, payload_version, attempt, failures, crashes, epoch, max_attempts,
    idempotency_key
FROM begun
UNION ALL
SELECT j.id, j.kind, j.queue, j.family_id, j.payload::text, j.payload_version, j.attempt, j.failures, j.crashes,
    j.epoch, j.max_attempts, j.idempotency_key
FROM job_claims c JOIN jobs j ON j.id = ANY (c.job_ids)
WHERE c.session_id = $2::uuid AND c.number = $3::bigint AND j.session_id = c.session_id AND j.state = 'running'
