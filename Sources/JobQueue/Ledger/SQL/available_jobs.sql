-- A page of available jobs that may lack in Redis, for the reconciler: those above the watermark, and stragglers.
-- $1 bigint  after this seq (0: from the first)    $2 integer  page size
(SELECT id, queue, family_id, priority, seq FROM jobs
  WHERE seq > GREATEST($1::bigint, (SELECT settled_seq FROM reconciliation)) AND state = 'available'
  ORDER BY seq LIMIT $2::integer)
UNION
(SELECT j.id, j.queue, j.family_id, j.priority, j.seq FROM job_stragglers s JOIN jobs j ON j.id = s.job_id
  WHERE j.seq > $1::bigint AND j.state = 'available'
  ORDER BY j.seq LIMIT $2::integer)
ORDER BY seq LIMIT $2::integer
