-- Begins a batch: each job gets a new epoch and an owner, the batch is noted under its session.
--
-- $1 uuid[] ids   $2 uuid session   $3 bigint number of the batch
-- Returns a row for each job begun: id, epoch, payload. Nothing is begun for a session that ended: its row is locked
-- FOR SHARE, so that an end (an UPDATE) comes before, and is seen, or waits and then finds the batch in job_claims.
WITH live AS MATERIALIZED (
    SELECT id FROM worker_sessions WHERE id = $2::uuid AND ended_at IS NULL FOR SHARE
), begun AS (
    UPDATE jobs j
       SET state = 'running', attempt = j.attempt + 1, epoch = j.epoch + 1, session_id = live.id,
           started_at = clock_timestamp()
      FROM live
     WHERE j.id = ANY ($1::uuid[]) AND j.state = 'available'
    RETURNING j.id, j.epoch, j.payload
), noted AS (
    INSERT INTO job_claims (session_id, number, job_ids) SELECT $2::uuid, $3::bigint, $1::uuid[]
)
SELECT id, epoch, payload FROM begun
