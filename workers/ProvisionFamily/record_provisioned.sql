-- The route to a family's new database, and the audit row that says so. A family that has begun to pay while it was
-- provisioned begins as its subscription says: the trigger begin_as_subscribed makes that of `trial`.
-- Inputs:  $1 family, $2 host, $3 port, $4 database, $5 role, $6 sealed password, $7 schema version, $8 job.
-- Returns: one row: status; no row: the family is not (or no more) to be provisioned, and nothing was changed.
-- Locks:   the family's row.
WITH routed AS (
    UPDATE families f
    SET db_host = $2, db_port = $3, db_name = $4, db_user = $5, db_password_encrypted = $6, schema_version = $7,
        status = 'trial', trial_ends_at = COALESCE(f.trial_ends_at, now() + interval '7 days'), provisioned_at = now()
    WHERE f.id = $1 AND f.status = 'provisioning' AND f.deleted_at IS NULL
    RETURNING f.id, f.status
), audited AS (
    INSERT INTO audit_logs (family_id, job_id, action, resource_type, resource_id, changes)
    SELECT r.id, $8::uuid, 'family.provisioned', 'families', r.id,
           jsonb_build_object('db_host', $2::text, 'db_port', $3::integer, 'db_name', $4::text, 'db_user', $5::text,
                              'schema_version', $7::integer, 'status', r.status)
    FROM routed r
)
SELECT status FROM routed
