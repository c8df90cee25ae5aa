-- Tells the doors what this worker can do.
-- $1 kind  $2 queue  $3 durability  $4 target  $5 max_attempts  $6 jsonb payload schema or NULL
INSERT INTO job_kinds AS k (kind, queue, durability, target, max_attempts, payload_schema)
VALUES ($1, $2, $3, $4, $5::integer, $6::jsonb)
ON CONFLICT (kind) DO UPDATE
    SET queue = EXCLUDED.queue, durability = EXCLUDED.durability, target = EXCLUDED.target,
        max_attempts = EXCLUDED.max_attempts, payload_schema = EXCLUDED.payload_schema, updated_at = now()
    WHERE (k.queue, k.durability, k.target, k.max_attempts, k.payload_schema) IS DISTINCT FROM
        (EXCLUDED.queue, EXCLUDED.durability, EXCLUDED.target, EXCLUDED.max_attempts, EXCLUDED.payload_schema)
