-- Pauses or resumes a queue that is known, by a worker's registration.
-- $1 queue   $2 boolean whether it is to be paused
-- Returns name, paused, version; no row when no worker ever registered the queue.
UPDATE queues SET paused_at = CASE WHEN $2::boolean THEN COALESCE(paused_at, now()) END, version = version + 1
WHERE name = $1
RETURNING name, paused_at IS NOT NULL AS paused, version
