-- Notes that a migration without a transaction is begun, in either direction; says how far it had come before.
-- Inputs: $1 version, $2 name, $3 checksum, $4 chain, $5 'started' or 'reverting'.
-- Returns: one row: statements_done, 0 unless the same direction was begun before.
INSERT INTO public.schema_migrations AS m (version, name, checksum, chain, state)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (version) DO UPDATE
    SET statements_done = CASE WHEN m.state = excluded.state THEN m.statements_done ELSE 0 END,
        state = excluded.state
RETURNING statements_done
