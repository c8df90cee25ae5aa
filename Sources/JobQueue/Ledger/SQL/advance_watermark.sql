-- Moves the reconciler's watermark up, past what is settled for good. Jobs that are still open below it become
-- stragglers, so that one old job (parked, of a paused queue, running for hours) does not hold the mark back.
--
-- $1 integer  how many open jobs the mark may pass at once. A long backlog is worked off from its front: it is not
--             to be copied into job_stragglers.
--
-- Why no job is lost from sight. A mark is published as the candidate first, and adopted by the next pass. That pass
-- sees each job at or below it in one of three ways: open (a straggler now); waiting with a ticket, or not yet
-- committed (then it has a ticket, too); terminal. Tickets are taken away by finish_dispatch, and terminal jobs made
-- available by retry_job, only; both lock this row FOR SHARE and make a straggler of each job at or below the
-- candidate. Either they had the lock before the candidate was published, and were done before this pass began; or
-- they know the candidate.
-- A pass that finds another candidate than it began with changes nothing.
WITH mark AS MATERIALIZED (
    SELECT settled_seq, candidate_seq FROM reconciliation
), unsettled AS MATERIALIZED (
    -- Bounds as values: for a join with their row all jobs would be read.
    SELECT id, state FROM jobs
     WHERE seq > (SELECT settled_seq FROM mark) AND seq <= (SELECT candidate_seq FROM mark)
       AND state IN ('available', 'running', 'scheduled', 'parked')
), passed AS (
    INSERT INTO job_stragglers (job_id)
    SELECT id FROM unsettled WHERE state IN ('available', 'running')
    UNION ALL
    SELECT u.id FROM unsettled u
     WHERE u.state IN ('scheduled', 'parked') AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = u.id)
    ON CONFLICT DO NOTHING
), next AS (
    SELECT COALESCE(
        (SELECT j.seq - 1 FROM jobs j
          WHERE j.seq > (SELECT GREATEST(settled_seq, candidate_seq) FROM mark) AND j.state IN ('available', 'running')
          ORDER BY j.seq OFFSET $1::integer LIMIT 1),
        (SELECT max(seq) FROM jobs),
        0) AS seq
)
UPDATE reconciliation r
   SET settled_seq = GREATEST(m.settled_seq, m.candidate_seq),
       candidate_seq = GREATEST(m.settled_seq, m.candidate_seq, n.seq),
       reconciled_at = clock_timestamp()
  FROM mark m, next n
 WHERE r.candidate_seq = m.candidate_seq
