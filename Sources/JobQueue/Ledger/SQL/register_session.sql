-- $1 uuid id   $2 host   $3 pid   $4 version   $5 text[] queues   $6 text[] kinds   $7 concurrency   $8 uuid worker
INSERT INTO worker_sessions (id, host, pid, version, queues, kinds, concurrency, worker_id)
VALUES ($1::uuid, $2, $3::integer, $4, $5::text[], $6::text[], $7::integer, $8::uuid)
RETURNING number
