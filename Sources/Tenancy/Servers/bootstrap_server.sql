-- The platform's own server as the first of the fleet, if there is none yet.
-- Inputs: $1 host, $2 port, $3 database to say CREATE DATABASE from. Returns nothing; does nothing the second time.
INSERT INTO database_servers (name, host, port, maintenance_database)
SELECT 'platform', $1, $2, $3
WHERE NOT EXISTS (SELECT FROM database_servers)
ON CONFLICT DO NOTHING
