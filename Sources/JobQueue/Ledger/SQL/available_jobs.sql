-- A page of available jobs above the watermark, which Redis may lack, for the reconciler.
-- $1 bigint  after this seq (0: from the first)    $2 integer  page size
-- $3 integer  crashes from which on a job is quarantined
-- A queue's name that cannot be one was written by hand: such a job stays where it is, for doctor to name.
SELECT id, queue, family_id, priority, seq, crashes >= $3::integer AS quarantined FROM jobs
WHERE seq > GREATEST($1::bigint, (SELECT settled_seq FROM reconciliation)) AND state = 'available'
    AND queue ~ '^[a-z][a-z0-9_.-]{0,63}$'
ORDER BY seq LIMIT $2::integer
