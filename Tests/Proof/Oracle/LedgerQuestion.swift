// The questions that one statement on the ledger answers. A row of an answer is a violation, told in words.

struct LedgerQuestion: Sendable {
    let invariant: String
    /// A person's retry of a dead job sets its counts back to nothing.
    var assumesNoHandRetry = false
    let sql: String

    static let always: [LedgerQuestion] = [
        LedgerQuestion(
            invariant: "I4",
            sql: """
                SELECT 'job ' || a.job_id || ' has an attempt of epoch ' || a.epoch || ', beyond its own ' || j.epoch
                FROM job_attempts a JOIN jobs j ON j.id = a.job_id WHERE a.epoch > j.epoch OR a.epoch < 1
                """),
        // Every begin ends once: in the history, or as the success or the run that the row itself is. Of a job that was
        // parked only the last parking is kept.
        LedgerQuestion(
            invariant: "I4",
            sql: """
                SELECT 'job ' || j.id || ' (' || j.kind || ', ' || j.state || ') was begun ' || j.epoch
                    || ' times; ended or running are ' || h.ended
                FROM jobs j CROSS JOIN LATERAL (
                    SELECT count(*) FILTER (WHERE a.outcome <> 'succeeded')
                           + (j.state IN ('succeeded', 'running'))::int AS ended,
                           COALESCE(bool_or(a.outcome = 'parked'), false) AS was_parked
                    FROM job_attempts a WHERE a.job_id = j.id) h
                WHERE CASE WHEN h.was_parked THEN h.ended > j.epoch ELSE h.ended <> j.epoch END
                """),
        LedgerQuestion(
            invariant: "I5",
            sql: """
                SELECT 'job ' || j.id || ' (' || j.kind || ', ' || j.state || ') counts ' || j.attempt
                    || ' attempts; its handler ran ' || h.runs || ' times'
                FROM jobs j CROSS JOIN LATERAL (
                    SELECT count(*) FILTER (WHERE a.outcome IN ('failed', 'snoozed', 'cancelled'))
                           + (j.state IN ('succeeded', 'running'))::int AS runs
                    FROM job_attempts a WHERE a.job_id = j.id) h
                WHERE j.attempt <> h.runs
                """),
        LedgerQuestion(
            invariant: "I5", assumesNoHandRetry: true,
            sql: """
                SELECT 'job ' || j.id || ' (' || j.kind || ', ' || j.state || ') counts ' || j.crashes || ' crashes, '
                    || j.failures || ' failures; its history has ' || h.crashed || ' and ' || h.failed
                FROM jobs j CROSS JOIN LATERAL (
                    SELECT count(*) FILTER (WHERE a.outcome = 'crashed') AS crashed,
                           count(*) FILTER (WHERE a.outcome = 'failed') AS failed
                    FROM job_attempts a WHERE a.job_id = j.id) h
                WHERE j.crashes <> h.crashed
                   -- The last of a dead job may be one that is no failure: an undecodable payload.
                   OR j.failures NOT BETWEEN h.failed - (j.state = 'dead')::int AND h.failed
                """),
        LedgerQuestion(
            invariant: "I6",
            sql: """
                SELECT 'job ' || j.id || ' is running, and session ' || j.session_id || CASE
                    WHEN w.id IS NULL THEN ' was never there' WHEN w.ended_at IS NOT NULL THEN ' has ended'
                    ELSE ' has noted no batch with it' END
                FROM jobs j LEFT JOIN worker_sessions w ON w.id = j.session_id
                WHERE j.state = 'running' AND (w.id IS NULL OR w.ended_at IS NOT NULL OR NOT EXISTS (
                    SELECT FROM job_claims c WHERE c.session_id = j.session_id AND j.id = ANY (c.job_ids)))
                """),
        LedgerQuestion(
            invariant: "I6",
            sql: """
                SELECT 'job ' || j.id || ' is ' || j.state || ', and has no ticket: it waits for ever' FROM jobs j
                WHERE j.state IN ('scheduled', 'parked')
                  AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)
                """),
        LedgerQuestion(
            invariant: "I6",
            sql: """
                SELECT 'session ' || c.session_id || ' has ended, and batch ' || c.number || ' is still noted'
                FROM job_claims c JOIN worker_sessions w ON w.id = c.session_id WHERE w.ended_at IS NOT NULL
                """),
        LedgerQuestion(
            invariant: "I7",
            sql: """
                SELECT 'job ' || j.id || ' (' || j.kind || ') is dead as ' || COALESCE(j.reason, 'nothing') || ' after '
                    || j.failures || ' of ' || j.max_attempts || ' failures and ' || j.crashes || ' crashes, error '
                    || COALESCE(j.error::text, 'none')
                FROM jobs j WHERE j.state = 'dead' AND NOT CASE j.reason
                    WHEN 'attempts_exhausted' THEN j.failures >= j.max_attempts AND j.error IS NOT NULL
                    WHEN 'discarded' THEN j.error IS NOT NULL
                    WHEN 'undecodable' THEN j.error IS NOT NULL
                    WHEN 'family_gone' THEN true
                    -- Three are forgiven, and the one after that came in quarantine.
                    WHEN 'poison' THEN j.crashes = 4
                    ELSE false END
                """),
    ]

    static let atRest: [LedgerQuestion] = [
        LedgerQuestion(
            invariant: "I6",
            sql: """
                SELECT 'job ' || d.job_id || ' has a ticket that is due since ' || (clock_timestamp() - d.due_at)
                FROM job_dispatches d WHERE d.due_at < clock_timestamp() - interval '10 seconds'
                """),
        LedgerQuestion(
            invariant: "I6",
            sql: """
                SELECT 'somebody asked to cancel job ' || c.job_id || ', and it does not run'
                FROM job_cancellations c LEFT JOIN jobs j ON j.id = c.job_id AND j.state = 'running' WHERE j.id IS NULL
                """),
    ]
}
