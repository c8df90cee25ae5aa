-- Takes the ledger away, with every job in it.
DROP FUNCTION enqueue(text, jsonb, uuid, text, text, timestamptz, integer, uuid, integer, integer);
DROP FUNCTION uuid_v7();
DROP TABLE job_stragglers, reconciliation, job_inbox, job_idempotency_keys, job_cancellations, job_steps,
    job_attempts, job_claims, job_dispatches, jobs, worker_sessions, job_kinds, queues;
