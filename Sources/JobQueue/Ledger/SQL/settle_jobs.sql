-- Settles attempts that ended in any way: state, counters, history, and a ticket for those that run again.
--
-- $1 uuid[]    ids                 $2 bigint[]  their epochs
-- $3 text[]    outcomes: succeeded, retried, snoozed, parked, dead, cancelled, given_back
-- $4 bigint[]  delay until due, in milliseconds (retried, snoozed, parked). A job parked because this worker does not
--              know its kind is looked at again at once, nearly, when another worker of its queue knows it. (Not
--              when this one knows the kind: then it is the payload's version that is too new.)
-- $5 text[]    reasons (parked, dead)
-- $6 bool[]    whether a death counts as a failure
-- $7 jsonb[]   errors              $8 jsonb[]   results
-- $9 uuid      the session
-- Returns the ids settled; one that is missing was fenced: another attempt has the job, and nothing of it changed.
-- Subqueries for arrays: settle_succeeded.sql says why.
-- Numbers that were edited into what cannot be are held at their bounds: one such row must not keep the others.
WITH item AS (
    -- A job that a person gave up while it ran is not run again: nobody else will read the request.
    SELECT i.id, i.epoch, i.delay_ms, i.reason, i.spent, i.error, i.result,
        CASE WHEN i.outcome IN ('retried', 'snoozed', 'parked', 'given_back')
                  AND EXISTS (SELECT FROM job_cancellations c WHERE c.job_id = i.id)
             THEN 'cancelled' ELSE i.outcome END AS outcome
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::bigint[]), (SELECT $3::text[]), (SELECT $4::bigint[]),
                (SELECT $5::text[]), (SELECT $6::bool[]), (SELECT $7::jsonb[]), (SELECT $8::jsonb[]))
        AS i (id, epoch, outcome, delay_ms, reason, spent, error, result)
), settled AS (
    UPDATE jobs j
       SET state = CASE i.outcome
               WHEN 'succeeded' THEN 'succeeded' WHEN 'retried' THEN 'scheduled' WHEN 'snoozed' THEN 'scheduled'
               WHEN 'parked' THEN 'parked' WHEN 'dead' THEN 'dead' WHEN 'cancelled' THEN 'cancelled'
               WHEN 'given_back' THEN 'available' END,
           attempt = GREATEST(j.attempt - (i.outcome IN ('parked', 'given_back'))::int, 0),
           failures = j.failures
               + (j.failures < 2147483647 AND (i.outcome = 'retried' OR (i.outcome = 'dead' AND i.spent)))::int,
           session_id = NULL,
           reason = CASE WHEN i.outcome IN ('parked', 'dead') THEN i.reason END,
           error = COALESCE(i.error, j.error),
           result = i.result,
           due_at = CASE WHEN i.outcome IN ('retried', 'snoozed')
               THEN clock_timestamp() + make_interval(secs => i.delay_ms / 1000.0) END,
           settled_at = CASE WHEN i.outcome IN ('succeeded', 'dead', 'cancelled') THEN clock_timestamp() END,
           dead_at = CASE WHEN i.outcome = 'dead' THEN clock_timestamp() END
      FROM item i
     WHERE j.id = i.id AND j.epoch = i.epoch AND j.session_id = $9::uuid
    RETURNING j.id, j.seq, j.kind, j.queue, j.epoch, j.attempt, j.started_at, j.family_id, j.due_at, j.reason,
        i.outcome, i.delay_ms, i.error
), tickets AS (
    INSERT INTO job_dispatches (job_id, seq, due_at, parked_family_id, parked_kind)
    SELECT id, seq,
        COALESCE(due_at, clock_timestamp() + make_interval(secs => 0.001 * CASE
            WHEN reason = 'unknown_kind' AND EXISTS (
                SELECT FROM worker_sessions w
                 WHERE w.ended_at IS NULL AND settled.kind = ANY (w.kinds) AND settled.queue = ANY (w.queues))
                AND NOT EXISTS (SELECT FROM worker_sessions w WHERE w.id = $9::uuid AND settled.kind = ANY (w.kinds))
            THEN 100 + 200 * random()
            ELSE COALESCE(delay_ms, 0) END)),
        CASE WHEN outcome = 'parked' THEN family_id END,
        CASE WHEN reason = 'unknown_kind' THEN kind END
    FROM settled WHERE outcome IN ('retried', 'snoozed', 'parked', 'given_back')
    RETURNING ticket
), superseded AS (
    -- A parked job is looked at again and again: of its parkings only the last is kept.
    DELETE FROM job_attempts a USING settled s
     WHERE s.outcome = 'parked' AND a.job_id = s.id AND a.outcome = 'parked'
), history AS (
    INSERT INTO job_attempts (job_id, epoch, attempt, outcome, session_id, started_at, error)
    SELECT id, epoch, attempt,
        CASE outcome WHEN 'retried' THEN 'failed' WHEN 'dead' THEN 'failed' ELSE outcome END, $9::uuid, started_at,
        error
    FROM settled WHERE outcome <> 'succeeded'
    ON CONFLICT DO NOTHING
), answered AS (
    DELETE FROM job_cancellations c USING settled s WHERE c.job_id = s.id
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM tickets LIMIT 1
)
SELECT s.id, (SELECT count(*) FROM told) AS told FROM settled s
