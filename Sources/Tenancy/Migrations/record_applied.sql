-- Records a migration as done, in its own transaction or after its last statement.
-- Inputs: $1 version, $2 name, $3 checksum, $4 chain, $5 fingerprint, $6 milliseconds. Returns nothing.
INSERT INTO public.schema_migrations (version, name, checksum, chain, state, fingerprint, applied_at, duration_ms)
VALUES ($1, $2, $3, $4, 'applied', $5, clock_timestamp(), $6)
ON CONFLICT (version) DO UPDATE
    SET state = 'applied', fingerprint = excluded.fingerprint, applied_at = excluded.applied_at,
        duration_ms = excluded.duration_ms, statements_done = 0
