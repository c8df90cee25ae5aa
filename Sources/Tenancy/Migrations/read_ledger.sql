-- All records, in order; times are RFC 3339 texts in UTC.
SELECT version, name, checksum, chain, state, statements_done, fingerprint, duration_ms,
       to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS applied_at
FROM public.schema_migrations ORDER BY version
