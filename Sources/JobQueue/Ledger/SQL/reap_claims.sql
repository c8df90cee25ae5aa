-- Takes the running jobs of an ended session back. Run in the transaction that ended the session, after that statement:
-- this one's snapshot must see every batch that the session began.
--
-- $1 uuid  session      $2 integer  crashes a job may have (one more, and it is dead as poison)
-- Returns a row for each job: id, state (available or dead), kind.
WITH lost AS (
    DELETE FROM job_claims WHERE session_id = $1::uuid RETURNING job_ids
), crashed AS (
    UPDATE jobs j
       SET crashes = j.crashes + 1, attempt = j.attempt - 1, session_id = NULL,
           state = CASE WHEN j.crashes + 1 > $2::integer THEN 'dead' ELSE 'available' END,
           reason = CASE WHEN j.crashes + 1 > $2::integer THEN 'poison' END,
           settled_at = CASE WHEN j.crashes + 1 > $2::integer THEN clock_timestamp() END,
           dead_at = CASE WHEN j.crashes + 1 > $2::integer THEN clock_timestamp() END
     WHERE j.id IN (SELECT unnest(job_ids) FROM lost) AND j.session_id = $1::uuid AND j.state = 'running'
    RETURNING j.id, j.epoch, j.attempt, j.started_at, j.state, j.kind
), tickets AS (
    INSERT INTO job_dispatches (job_id) SELECT id FROM crashed WHERE state = 'available' RETURNING ticket
), history AS (
    INSERT INTO job_attempts (job_id, epoch, attempt, outcome, session_id, started_at)
    SELECT id, epoch, attempt + 1, 'crashed', $1::uuid, started_at FROM crashed
    ON CONFLICT DO NOTHING
), answered AS (
    DELETE FROM job_cancellations WHERE session_id = $1::uuid
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM tickets LIMIT 1
)
SELECT c.id, c.state, c.kind, (SELECT count(*) FROM told) AS told FROM crashed c
