-- Where a family's database is, and whether it may be used.
-- Inputs:  $1 the family's id. Returns: no row (no such family), or one.
SELECT f.status, f.deleted_at IS NOT NULL AS deleted, f.db_host, f.db_port, f.db_name, f.db_user,
       f.db_password_encrypted, f.schema_version
FROM families f WHERE f.id = $1
