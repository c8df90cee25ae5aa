-- Forgets batches of a session whose jobs are all settled. Not waited for until it is on disk: one that comes back is
-- forgotten with its session.
-- $1 uuid session   $2 bigint[] batch numbers
WITH lax AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM job_claims USING lax WHERE session_id = $1::uuid AND number = ANY ($2::bigint[])
