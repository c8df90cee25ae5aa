-- Takes tickets away whose jobs are in Redis now. Not waited for until it is on disk: a ticket that comes back puts its
-- job into Redis once more, which is nothing.
-- $1 bigint[] tickets
WITH lax AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
DELETE FROM job_dispatches USING lax WHERE ticket = ANY ($1::bigint[])
