-- A family's new schema version, its part of the fleet run, and the audit row.
-- Inputs:  $1 family, $2 version before, $3 version after, $4 fleet run (NULL: none), $5 job. Returns nothing.
-- Locks:   the family's row. A version is never lowered here: an older job that ends late must not undo a newer one's.
-- The audit row tells what the platform had not heard of: an attempt that migrated and died before it said so is
-- followed by one that finds nothing to do.
WITH known AS (
    SELECT LEAST(schema_version, $2::integer) AS version FROM families WHERE id = $1::uuid
), routed AS (
    UPDATE families SET schema_version = GREATEST(schema_version, $3::integer) WHERE id = $1::uuid
), placed AS (
    UPDATE fleet_run_families
    SET status = 'succeeded', from_version = LEAST(COALESCE(from_version, $2), $2), to_version = $3, note = NULL,
        finished_at = clock_timestamp()
    WHERE run_id = $4::uuid AND family_id = $1::uuid AND status <> 'succeeded'
)
INSERT INTO audit_logs (family_id, job_id, action, resource_type, resource_id, changes)
SELECT $1::uuid, $5::uuid, 'family.migrated', 'families', $1::uuid,
       jsonb_build_object('schema_version', jsonb_build_array(known.version, $3::integer))
FROM known WHERE known.version <> $3::integer
