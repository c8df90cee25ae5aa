-- What a server has under a family's two names.
-- Inputs:  $1 role, $2 database. Returns: one row.
SELECT r.oid IS NOT NULL AS role_exists,
       shobj_description(r.oid, 'pg_authid') AS role_comment,
       d.oid IS NOT NULL AS database_exists,
       COALESCE(d.datconnlimit = -2, false) AS database_is_broken,
       COALESCE(d.datallowconn, false) AS database_is_open
FROM (SELECT 1) AS one
LEFT JOIN pg_roles r ON r.rolname = $1
LEFT JOIN pg_database d ON d.datname = $2
