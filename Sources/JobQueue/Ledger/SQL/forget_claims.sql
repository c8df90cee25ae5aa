-- Forgets batches of a session whose jobs are all settled.
-- $1 uuid session   $2 bigint[] batch numbers
DELETE FROM job_claims WHERE session_id = $1::uuid AND number = ANY ($2::bigint[])
