-- Makes a dead or cancelled job available again, with a fresh budget.
-- $1 uuid job.  Returns a row when it was done.
WITH retried AS (
    UPDATE jobs SET state = 'available', failures = 0, crashes = 0, dead_at = NULL, settled_at = NULL, reason = NULL
    WHERE id = $1::uuid AND state IN ('dead', 'cancelled')
    RETURNING id, seq
), ticket AS (
    INSERT INTO job_dispatches (job_id) SELECT id FROM retried
), watermark AS (
    UPDATE reconciliation r
       SET settled_seq = LEAST(r.settled_seq, t.seq - 1), candidate_seq = LEAST(r.candidate_seq, t.seq - 1)
      FROM retried t WHERE t.seq <= GREATEST(r.settled_seq, r.candidate_seq)
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM retried
)
SELECT id, (SELECT count(*) FROM told) AS told FROM retried
