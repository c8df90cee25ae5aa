-- How many connections the server holds for ordinary roles, and how many others than this one there are; the same for
-- the role and the database of this connection, NULL where they have no limit of their own. Changes and locks nothing.
--
-- reserved_connections came with PostgreSQL 16. Of other roles' sessions the type may not be seen: NULL counts.
-- Returns one row: server_holds, server_used, role, role_holds, role_used, database, database_holds, database_used,
--         is_superuser (then neither role nor database limits anything), server_port (NULL over a Unix socket).
SELECT r.rolname AS role, r.rolsuper AS is_superuser, d.datname AS database, inet_server_port() AS server_port,
    current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - COALESCE(current_setting('reserved_connections', true)::int, 0) AS server_holds,
    NULLIF(r.rolconnlimit, -1) AS role_holds,
    NULLIF(d.datconnlimit, -1) AS database_holds,
    count(a.pid) AS server_used,
    count(a.pid) FILTER (WHERE a.usesysid = r.oid) AS role_used,
    count(a.pid) FILTER (WHERE a.datid = d.oid) AS database_used
FROM pg_roles r
CROSS JOIN pg_database d
LEFT JOIN pg_stat_activity a
    ON a.datid IS NOT NULL AND a.pid <> pg_backend_pid()
    AND COALESCE(a.backend_type, 'client backend') = 'client backend'
WHERE r.rolname = current_user AND d.datname = current_database()
GROUP BY r.oid, r.rolname, r.rolsuper, r.rolconnlimit, d.oid, d.datname, d.datconnlimit
