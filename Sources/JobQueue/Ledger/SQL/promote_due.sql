-- Takes up the tickets that are due: makes scheduled and parked jobs available, and tells which jobs are to be put into
-- Redis. One statement, committed before Redis hears of them: a worker must find them available.
--
-- $1 integer  how many at most
-- Returns a row for each ticket: ticket, id, queue, family_id, priority, seq, runnable (false: the ticket was stale).
-- Two dispatchers at once do no harm: both put the same ids, and putting is idempotent.
WITH due AS (
    SELECT ticket, job_id, due_at FROM job_dispatches
    WHERE due_at <= statement_timestamp() ORDER BY due_at LIMIT $1::integer
), promoted AS (
    UPDATE jobs j SET state = 'available', due_at = NULL, reason = NULL
      FROM (SELECT job_id, max(due_at) AS due_at FROM due GROUP BY job_id) d
     WHERE j.id = d.job_id
       -- A ticket that was due before the attempt that parked the job is an older one, and no reason to unpark it.
       AND ((j.state = 'parked' AND d.due_at > j.started_at)
            OR (j.state = 'scheduled' AND j.due_at <= clock_timestamp()))
    RETURNING j.id
), watermark AS (
    -- A job that becomes available may lie below the watermark: the reconciler must see it again.
    UPDATE reconciliation r
       SET settled_seq = LEAST(r.settled_seq, m.seq - 1), candidate_seq = LEAST(r.candidate_seq, m.seq - 1)
      FROM (SELECT min(j.seq) AS seq FROM due d JOIN jobs j ON j.id = d.job_id) m
     WHERE m.seq <= GREATEST(r.settled_seq, r.candidate_seq)
)
SELECT d.ticket, j.id, j.queue, j.family_id, j.priority, j.seq,
    (j.state = 'available' OR p.id IS NOT NULL) AS runnable
FROM due d JOIN jobs j ON j.id = d.job_id LEFT JOIN promoted p ON p.id = j.id
UNION ALL
-- A ticket whose job was deleted: nothing to put, and the ticket goes.
SELECT d.ticket, d.job_id, 'default', NULL, 1, 0, false FROM due d
WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = d.job_id)
