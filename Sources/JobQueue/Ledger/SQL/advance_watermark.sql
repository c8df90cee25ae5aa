-- Moves the reconciler's watermark up, in two steps so that a transaction that enqueued early and commits late is not
-- skipped: a candidate is adopted once every transaction that ran when it was found has ended.
WITH found AS (
    SELECT COALESCE(
        (SELECT min(j.seq) - 1 FROM jobs j
          WHERE j.seq > (SELECT settled_seq FROM reconciliation)
            AND (j.state IN ('available', 'running')
                 OR (j.state IN ('scheduled', 'parked')
                     AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)))),
        (SELECT max(seq) FROM jobs),
        0) AS seq
)
UPDATE reconciliation r
   SET settled_seq = CASE WHEN r.candidate_xid <= pg_snapshot_xmin(pg_current_snapshot())
           THEN GREATEST(r.settled_seq, LEAST(r.candidate_seq, f.seq)) ELSE r.settled_seq END,
       candidate_seq = CASE WHEN r.candidate_xid IS NULL OR r.candidate_xid <= pg_snapshot_xmin(pg_current_snapshot())
           THEN f.seq ELSE r.candidate_seq END,
       candidate_xid = CASE WHEN r.candidate_xid IS NULL OR r.candidate_xid <= pg_snapshot_xmin(pg_current_snapshot())
           THEN pg_snapshot_xmax(pg_current_snapshot()) ELSE r.candidate_xid END,
       reconciled_at = clock_timestamp()
  FROM found f
