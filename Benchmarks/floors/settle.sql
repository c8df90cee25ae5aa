-- Settles a batch whose jobs succeeded, each by (id, epoch), and forgets the claim.
--
-- $1 uuid[] ids   $2 bigint[] their epochs   $3 uuid session   $4 bigint number of the batch
-- Returns one row: how many were settled; fewer than were named: the others were fenced.
WITH settled AS (
    UPDATE jobs j
       SET state = 'succeeded', session_id = NULL, settled_at = clock_timestamp()
      FROM unnest($1::uuid[], $2::bigint[]) AS i (id, epoch)
     WHERE j.id = i.id AND j.epoch = i.epoch AND j.state = 'running'
    RETURNING 1
), forgotten AS (
    DELETE FROM job_claims WHERE session_id = $3::uuid AND number = $4::bigint
)
SELECT count(*) FROM settled
