-- One job, by the enqueue function of the ledger.
-- $1 kind  $2 payload  $3 family  $4 idempotency key  $5 queue  $6 delay in ms  $7 priority  $8 id  $9 max attempts
-- $10 payload version
SELECT job_id, replayed FROM enqueue($1, $2::jsonb, $3::uuid, $4, $5,
    CASE WHEN $6::bigint > 0 THEN clock_timestamp() + make_interval(secs => $6::bigint / 1000.0) END,
    $7::integer, $8::uuid, $9::integer, $10::integer)
