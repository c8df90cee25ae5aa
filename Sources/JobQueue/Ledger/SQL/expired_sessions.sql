-- Sessions whose last heartbeat is older than the lease, by the server's clock.
-- $1 bigint lease in milliseconds
SELECT id, host, pid FROM worker_sessions
WHERE ended_at IS NULL AND beat_at < clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
