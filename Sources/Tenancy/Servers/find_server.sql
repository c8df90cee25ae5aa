-- One server. Inputs: $1 its id. Returns: no row or one.
SELECT id, name, host, port, maintenance_database, admin_user, admin_password_sealed
FROM database_servers WHERE id = $1
