-- The servers that take new databases, locked until the transaction's end, so that two placements never share a last
-- place. A place is taken by a families row that names the server, from its reservation until it is released.
-- Returns: a row each: id, name, max_databases, alert_percent, databases.
SELECT s.id, s.name, s.max_databases, s.alert_percent,
       (SELECT count(*) FROM families f WHERE f.server_id = s.id) AS databases
FROM database_servers s
WHERE s.status = 'active'
ORDER BY s.id
FOR UPDATE OF s
