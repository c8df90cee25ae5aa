-- Many jobs, by the enqueue function of the ledger, in the order given; all or none.
-- Arrays of equal length: $1 kinds  $2 payloads  $3 families  $4 idempotency keys  $5 queues  $6 delays in ms
-- $7 priorities  $8 ids  $9 max attempts  $10 payload versions
-- Returns a row for each, in that order: job_id, replayed. An error does not say whose it is.
SELECT e.job_id, e.replayed
FROM unnest($1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::bigint[], $7::integer[], $8::uuid[],
            $9::integer[], $10::integer[]) WITH ORDINALITY
         AS r (kind, payload, family, key, queue, delay_ms, priority, id, max_attempts, payload_version, position),
     LATERAL enqueue(r.kind, r.payload::jsonb, r.family, r.key, r.queue,
         CASE WHEN r.delay_ms > 0 THEN clock_timestamp() + make_interval(secs => r.delay_ms / 1000.0) END,
         r.priority, r.id, r.max_attempts, r.payload_version) e
ORDER BY r.position
