-- The platform's own server as the first of the fleet, if there is none yet. A private server on this machine may come
-- back on another port (`chorewheel dev`): then its row and its families' routes follow. Nothing else is ever moved so:
-- a port of a real host may be a pooler's.
-- Inputs: $1 host, $2 port, $3 database to say CREATE DATABASE from. Returns nothing; does nothing the second time.
WITH moved AS (
    UPDATE database_servers s SET port = $2::integer
    WHERE s.name = 'platform' AND s.host = $1 AND s.port <> $2::integer
      AND (s.host IN ('127.0.0.1', '::1', 'localhost') OR s.host LIKE '/%')
    RETURNING s.id
), routed AS (
    UPDATE families f SET db_port = $2::integer FROM moved m WHERE f.server_id = m.id AND f.db_port IS NOT NULL
)
INSERT INTO database_servers (name, host, port, maintenance_database)
SELECT 'platform', $1, $2::integer, $3
WHERE NOT EXISTS (SELECT FROM database_servers)
ON CONFLICT DO NOTHING
