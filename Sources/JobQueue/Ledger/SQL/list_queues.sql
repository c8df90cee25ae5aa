-- Queues with what waits and runs in them; terminal jobs are left to metrics. Counts run over the jobs above the
-- reconciler's watermark, the stragglers below it and the tickets, not over history.
-- $1 integer  crashes from which on a job is quarantined: such of the available ones are counted a second time
SELECT q.name, q.paused_at IS NOT NULL AS paused,
    COALESCE(c.available, 0) AS available, COALESCE(c.running, 0) AS running, COALESCE(c.scheduled, 0) AS scheduled,
    COALESCE(c.parked, 0) AS parked, COALESCE(c.quarantined, 0) AS quarantined,
    COALESCE((SELECT count(*) FROM jobs d WHERE d.dead_at IS NOT NULL AND d.queue = q.name), 0) AS dead,
    COALESCE(c.oldest_ms, 0) AS oldest_ms
FROM (SELECT name, paused_at FROM queues
      UNION SELECT queue, NULL FROM job_kinds WHERE queue NOT IN (SELECT name FROM queues)) q
LEFT JOIN (
    SELECT j.queue, count(*) FILTER (WHERE j.state = 'available') AS available,
        count(*) FILTER (WHERE j.state = 'running') AS running,
        count(*) FILTER (WHERE j.state = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE j.state = 'parked') AS parked,
        count(*) FILTER (WHERE j.state = 'available' AND j.crashes >= $1::integer) AS quarantined,
        (extract(epoch FROM clock_timestamp() - min(j.enqueued_at) FILTER (WHERE j.state = 'available')) * 1000)::bigint
            AS oldest_ms
    FROM (SELECT id, queue, state, enqueued_at, crashes FROM jobs
          WHERE seq > (SELECT settled_seq FROM reconciliation)
          UNION
          SELECT b.id, b.queue, b.state, b.enqueued_at, b.crashes
          FROM (SELECT job_id FROM job_dispatches UNION SELECT job_id FROM job_stragglers) w
          -- OFFSET 0: looked up by id. A join would read all jobs that ever were.
          CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = w.job_id OFFSET 0) b) j
    GROUP BY j.queue
) c ON c.queue = q.name
ORDER BY q.name
