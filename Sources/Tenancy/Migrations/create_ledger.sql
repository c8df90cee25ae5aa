-- The record of what was migrated. The fingerprint is that of the schema right after the migration.
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    version          integer PRIMARY KEY CHECK (version >= 1),
    name             text NOT NULL,
    checksum         text NOT NULL,                -- SHA-256 of the up file
    chain            text NOT NULL,                -- SHA-256 over all files up to this one
    state            text NOT NULL CHECK (state IN ('started', 'applied', 'reverting')),
    statements_done  integer NOT NULL DEFAULT 0,   -- of a migration without a transaction
    fingerprint      text,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_at       timestamptz,
    duration_ms      integer,
    CHECK (state <> 'applied' OR applied_at IS NOT NULL)
)
