-- Sessions whose last heartbeat is older than the lease, by the server's clock.
-- $1 bigint lease in milliseconds
-- Returns id, and for how many milliseconds it was not heard of.
SELECT id, (extract(epoch FROM clock_timestamp() - beat_at) * 1000)::bigint AS silent_ms FROM worker_sessions
WHERE ended_at IS NULL AND beat_at < clock_timestamp() - make_interval(secs => $1::bigint / 1000.0)
