-- Takes up the tickets that are due: makes scheduled and parked jobs available, and tells which jobs are to be put into
-- Redis. One statement, committed before Redis hears of them: a worker must find them available.
--
-- $1 integer  how many at most      $2 integer  crashes from which on a job is quarantined
-- Returns a row for each ticket: ticket, id, queue, family_id, priority, seq, quarantined, runnable (false: the ticket
-- was stale, or the queue's name was edited into what cannot be one).
-- Two dispatchers at once do no harm: both put the same ids, and putting is idempotent.
-- Not waited for until it is on disk: what a crash of the server loses of it is done again, since the ticket is still
-- there.
WITH lax AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), due AS (
    SELECT ticket, job_id, due_at FROM job_dispatches, lax
    WHERE due_at <= statement_timestamp() ORDER BY due_at LIMIT $1::integer
), promoted AS (
    UPDATE jobs j SET state = 'available', due_at = NULL, reason = NULL
      FROM (SELECT job_id, max(due_at) AS due_at FROM due GROUP BY job_id) d
     WHERE j.id = d.job_id
       -- A ticket that was due before the attempt that parked the job is an older one, and no reason to unpark it.
       AND ((j.state = 'parked' AND d.due_at > j.started_at)
            OR (j.state = 'scheduled' AND j.due_at <= clock_timestamp()))
    RETURNING j.id
)
SELECT d.ticket, d.job_id AS id,
    CASE WHEN j.queue ~ '^[a-z][a-z0-9_.-]{0,63}$' THEN j.queue ELSE 'default' END AS queue, j.family_id,
    COALESCE(j.priority, 1) AS priority, COALESCE(j.seq, 0) AS seq,
    COALESCE(j.crashes >= $2::integer, false) AS quarantined,
    -- Not when its job was deleted, either: nothing to put, and the ticket goes.
    COALESCE((j.state = 'available' OR j.id IN (SELECT id FROM promoted))
        AND j.queue ~ '^[a-z][a-z0-9_.-]{0,63}$', false) AS runnable
FROM due d
-- OFFSET 0: looked up by id. A join would read all jobs while there are some ten thousand.
LEFT JOIN LATERAL (
    SELECT id, queue, family_id, priority, seq, crashes, state FROM jobs WHERE id = d.job_id OFFSET 0
) j ON true
