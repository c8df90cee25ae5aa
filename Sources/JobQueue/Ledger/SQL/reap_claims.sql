-- Takes the running jobs of an ended session back. Run in the transaction that ended the session, after that statement:
-- this one's snapshot must see every batch that the session began.
--
-- $1 uuid  session      $2 integer  crashes a job may have (one more, and it is dead as poison)
-- $3 boolean  whether the session died; false: it stopped in order, and nothing counts as a crash
-- A job that a person gave up while it ran is cancelled: nobody else will read the request.
-- Numbers that were edited into what cannot be are held at their bounds: one such row must not keep the others.
-- Returns a row for each job: id, state (available, dead or cancelled), kind.
WITH lost AS (
    DELETE FROM job_claims WHERE session_id = $1::uuid RETURNING job_ids
), answered AS (
    DELETE FROM job_cancellations WHERE session_id = $1::uuid RETURNING job_id
), verdict AS (
    SELECT j.id,
        CASE WHEN EXISTS (SELECT FROM answered a WHERE a.job_id = j.id) THEN 'cancelled'
             WHEN $3::boolean AND j.crashes >= $2::integer THEN 'dead'
             ELSE 'available' END AS state
    FROM jobs j
    -- As an array: looked up by id. A join would read all jobs.
    WHERE j.id = ANY (ARRAY(SELECT unnest(job_ids) FROM lost)) AND j.session_id = $1::uuid AND j.state = 'running'
), taken AS (
    UPDATE jobs j
       SET crashes = j.crashes + ($3::boolean AND j.crashes < 2147483647)::int,
           attempt = GREATEST(j.attempt - 1, 0), session_id = NULL, state = v.state,
           reason = CASE v.state WHEN 'dead' THEN 'poison' END,
           settled_at = CASE WHEN v.state <> 'available' THEN clock_timestamp() END,
           dead_at = CASE WHEN v.state = 'dead' THEN clock_timestamp() END
      FROM verdict v
     WHERE j.id = v.id AND j.session_id = $1::uuid AND j.state = 'running'
    RETURNING j.id, j.seq, j.epoch, j.attempt, j.started_at, j.state, j.kind
), tickets AS (
    INSERT INTO job_dispatches (job_id, seq) SELECT id, seq FROM taken WHERE state = 'available' RETURNING ticket
), history AS (
    INSERT INTO job_attempts (job_id, epoch, attempt, outcome, session_id, started_at)
    SELECT id, epoch, LEAST(attempt, 2147483646) + 1, CASE WHEN $3::boolean THEN 'crashed' ELSE 'given_back' END,
        $1::uuid, started_at
    FROM taken
    ON CONFLICT DO NOTHING
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM tickets LIMIT 1
)
SELECT t.id, t.state, t.kind, (SELECT count(*) FROM told) AS told FROM taken t
