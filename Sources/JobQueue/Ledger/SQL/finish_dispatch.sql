-- Takes tickets away whose jobs are in Redis now. Not waited for until it is on disk: a ticket that comes back puts its
-- job into Redis once more, which is nothing.
--
-- $1 bigint[]  tickets
-- Locks: the watermark, FOR SHARE. A job at or below it that loses its ticket becomes a straggler;
-- advance_watermark.sql says why.
WITH lax AS MATERIALIZED (
    SELECT set_config('synchronous_commit', 'off', true)
), mark AS MATERIALIZED (
    SELECT candidate_seq FROM reconciliation, lax FOR SHARE OF reconciliation
), gone AS (
    DELETE FROM job_dispatches USING mark WHERE ticket = ANY ($1::bigint[]) RETURNING job_id, seq, candidate_seq
)
INSERT INTO job_stragglers (job_id) SELECT job_id FROM gone WHERE seq <= candidate_seq ON CONFLICT DO NOTHING
