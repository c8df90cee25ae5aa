-- Many jobs, in the order given; all or none.
--
-- Arrays of equal length: $1 kinds  $2 payloads  $3 families  $4 idempotency keys  $5 queues  $6 delays in ms
-- $7 priorities  $8 ids  $9 max attempts  $10 payload versions  $11 whether by the ledger's function
-- Returns a row for each, in that order: job_id, replayed. An error does not say whose it is.
--
-- By the function `enqueue`, one by one: those that have a key, all with ids that are there twice, and the first few,
-- since it announces them (a quarter of a millisecond sooner with a worker). The others are inserted at once, which
-- costs a fifth; they come after those, have no key, and are requests that were checked when they were made. Where the
-- id of one is taken, the function says whether that is a replay or a conflict.
WITH item AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::integer[],
                         $8::uuid[], $9::integer[], $10::integer[], $11::boolean[]) WITH ORDINALITY
        AS r (kind, payload, family, key, queue, delay_ms, priority, id, max_attempts, payload_version, one, position)
), one AS MATERIALIZED (
    SELECT i.position, e.job_id, e.replayed
      FROM item i, LATERAL enqueue(i.kind, i.payload::jsonb, i.family, i.key, i.queue,
          CASE WHEN i.delay_ms > 0 THEN clock_timestamp() + make_interval(secs => i.delay_ms / 1000.0) END,
          i.priority, i.id, i.max_attempts, i.payload_version) e
     WHERE i.one
), added AS (
    INSERT INTO jobs (id, kind, queue, family_id, priority, payload, payload_version, max_attempts, state, due_at)
    SELECT i.id, i.kind, COALESCE(i.queue, k.queue, 'default'), i.family, i.priority, i.payload::jsonb,
        i.payload_version, COALESCE(i.max_attempts, k.max_attempts, 10),
        CASE WHEN i.delay_ms > 0 THEN 'scheduled' ELSE 'available' END,
        CASE WHEN i.delay_ms > 0 THEN clock_timestamp() + make_interval(secs => i.delay_ms / 1000.0) END
      FROM item i LEFT JOIN job_kinds k ON k.kind = i.kind
     WHERE NOT i.one AND (SELECT count(*) FROM one) >= 0        -- after those
     ORDER BY i.position
    ON CONFLICT DO NOTHING
    RETURNING id, seq, due_at
), tickets AS (
    INSERT INTO job_dispatches (job_id, seq, due_at)
    SELECT id, seq, COALESCE(due_at, clock_timestamp()) FROM added ORDER BY seq
    RETURNING ticket
), told AS MATERIALIZED (
    SELECT pg_notify('chorewheel_dispatch', '') FROM tickets LIMIT 1
), taken AS MATERIALIZED (
    SELECT i.* FROM item i WHERE NOT i.one AND NOT EXISTS (SELECT FROM added a WHERE a.id = i.id)
), known AS MATERIALIZED (
    SELECT i.position, e.job_id, e.replayed
      FROM taken i, LATERAL enqueue(i.kind, i.payload::jsonb, i.family, i.key, i.queue,
          CASE WHEN i.delay_ms > 0 THEN clock_timestamp() + make_interval(secs => i.delay_ms / 1000.0) END,
          i.priority, i.id, i.max_attempts, i.payload_version) e
)
SELECT COALESCE(o.job_id, i.id) AS job_id, COALESCE(o.replayed, false) AS replayed,
    (SELECT count(*) FROM told) AS told
FROM item i LEFT JOIN (TABLE one UNION ALL TABLE known) o ON o.position = i.position
ORDER BY i.position
