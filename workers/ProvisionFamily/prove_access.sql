-- What the connected role sees and may do. Run as the application's role.
-- Returns: one row; schema_version is 0 when a migration is unfinished.
SELECT current_database() AS database_name,
       current_user AS user_name,
       (SELECT CASE WHEN bool_and(m.state = 'applied') THEN max(m.version) ELSE 0 END FROM public.schema_migrations m)
           AS schema_version,
       has_database_privilege('public', current_database(), 'CONNECT')
           OR has_database_privilege('public', current_database(), 'TEMPORARY') AS public_connects,
       has_schema_privilege('public', 'CREATE')
           OR has_database_privilege(current_database(), 'CREATE') AS creates_objects,
       (SELECT r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
        FROM pg_roles r WHERE r.rolname = current_user) AS is_privileged,
       has_table_privilege('public.schema_migrations', 'INSERT, UPDATE, DELETE, TRUNCATE') AS changes_migrations,
       (SELECT COALESCE(bool_and(has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                   AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')), false)
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_migrations')
           AS uses_tables
