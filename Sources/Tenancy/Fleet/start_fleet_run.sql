-- A fleet run: its row, a row and a job for each family that is behind, in one statement, so in one transaction.
-- Inputs:  $1 the target version, $2 who started it (or NULL).
-- Returns: one row: run_id, families (how many jobs).
WITH run AS (
    INSERT INTO fleet_runs (target_version, started_by) VALUES ($1, $2) RETURNING id
), placed AS (
    INSERT INTO fleet_run_families (run_id, family_id, job_id, from_version)
    SELECT run.id, f.id, e.job_id, f.schema_version
    FROM run
    CROSS JOIN families f
    CROSS JOIN LATERAL enqueue(
        'family.migrate', jsonb_build_object('to_version', $1::integer, 'fleet_run_id', run.id),
        family => f.id, queue => 'migrations') e
    WHERE f.deleted_at IS NULL AND f.status <> 'provisioning' AND f.schema_version < $1
    RETURNING 1
)
SELECT run.id AS run_id, (SELECT count(*) FROM placed) AS families FROM run
