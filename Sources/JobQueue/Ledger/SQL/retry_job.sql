-- Makes a dead or cancelled job available again, with a fresh budget.
-- $1 uuid job.  Returns a row when it was done.
-- Locks: the watermark, FOR SHARE. advance_watermark.sql says why.
WITH retried AS (
    UPDATE jobs SET state = 'available', failures = 0, crashes = 0, dead_at = NULL, settled_at = NULL, reason = NULL
    WHERE id = $1::uuid AND state IN ('dead', 'cancelled')
    RETURNING id, seq
), ticket AS (
    INSERT INTO job_dispatches (job_id, seq) SELECT id, seq FROM retried
), mark AS MATERIALIZED (
    SELECT candidate_seq FROM reconciliation FOR SHARE
), straggler AS (
    INSERT INTO job_stragglers (job_id) SELECT r.id FROM retried r JOIN mark m ON r.seq <= m.candidate_seq
    ON CONFLICT DO NOTHING
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM retried
)
SELECT id, (SELECT count(*) FROM told) AS told FROM retried
