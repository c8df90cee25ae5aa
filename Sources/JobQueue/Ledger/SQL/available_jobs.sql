-- A page of available jobs, for the reconciler.
-- $1 bigint  after this seq (NULL: after the watermark)    $2 integer  page size
SELECT id, queue, family_id, priority, seq FROM jobs
WHERE seq > COALESCE($1::bigint, (SELECT settled_seq FROM reconciliation)) AND state = 'available'
ORDER BY seq LIMIT $2::integer
