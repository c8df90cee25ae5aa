// The ledger's rules, each as the statement that finds what breaks it. Most of what is here nothing of ours writes: it
// is what a hand at psql, a restored backup or a bug leaves. A row is named by its job's id, and the columns by theirs.

internal import JobModel
internal import Postgres

/// A rule of the ledger.
struct LedgerInvariant {
    /// One column: the names of the rows that break it.
    let sql: String
    var values: [PostgresValue] = []
    /// What the rows are.
    var subject = "jobs"
    /// After "3 jobs": `are …`.
    let broken: String
    let remedy: String
    /// It is in nobody's way.
    var isHarmless = false

    private static let repaired =
        "a living worker repairs this within 30 s; if it stays, keep the rows and report it"
    private static let available =
        "with the ids: UPDATE jobs SET state = 'available', session_id = NULL, due_at = NULL WHERE id IN (…); "
        + "INSERT INTO job_stragglers SELECT id FROM jobs WHERE id IN (…) ON CONFLICT DO NOTHING"
    private static let edited = "somebody wrote this by hand: see what it was before, and UPDATE the column"

    /// The jobs that may be open: history below the watermark is not searched.
    private static let mayBeOpen =
        "(j.seq > (SELECT settled_seq FROM reconciliation) OR j.id IN (SELECT job_id FROM job_stragglers))"

    /// Five seconds are left for what is under way.
    static let all = Self.watermark + Self.running + Self.waiting + Self.columns + Self.beside

    private static let watermark = [
        LedgerInvariant(
            sql: "SELECT 'reconciliation' WHERE NOT EXISTS (SELECT FROM reconciliation)",
            subject: "rows", broken: "missing: the watermark, without which nothing is reconciled",
            remedy: "INSERT INTO reconciliation DEFAULT VALUES"),
        LedgerInvariant(
            sql: "SELECT 'settled_seq ' || settled_seq FROM reconciliation "
                + "WHERE settled_seq > COALESCE(pg_sequence_last_value(pg_get_serial_sequence('jobs', 'seq')), 0) "
                + "OR candidate_seq < settled_seq OR settled_seq < 0",
            subject: "watermarks", broken: "of reconciliation are where no job is: new jobs count as history",
            remedy: "UPDATE reconciliation SET settled_seq = 0, candidate_seq = 0; the next passes move it up"),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE j.seq <= (SELECT settled_seq FROM reconciliation) "
                + "AND j.state IN ('available', 'running', 'scheduled', 'parked') "
                + "AND NOT EXISTS (SELECT FROM job_stragglers s WHERE s.job_id = j.id) "
                + "AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)",
            broken: "are open (jobs.state), below the watermark, and no straggler: nothing would wake them",
            remedy:
                "with the ids: INSERT INTO job_stragglers SELECT id FROM jobs WHERE id IN (…); a living worker takes "
                + "them up within 30 s"),
    ]

    private static let running = [
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j JOIN worker_sessions s ON s.id = j.session_id "
                + "WHERE \(Self.mayBeOpen) AND j.state = 'running' "
                + "AND s.ended_at < clock_timestamp() - interval '5 seconds'",
            broken: "are running in a session that has ended (jobs.session_id)", remedy: repaired),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) AND j.state = 'running' "
                + "AND NOT EXISTS (SELECT FROM worker_sessions s WHERE s.id = j.session_id)",
            broken: "are running in a session that is not there (jobs.session_id)", remedy: repaired),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j JOIN worker_sessions s ON s.id = j.session_id AND s.ended_at IS NULL "
                + "WHERE \(Self.mayBeOpen) AND j.state = 'running' "
                + "AND j.started_at < clock_timestamp() - interval '5 seconds' AND NOT EXISTS "
                + "(SELECT FROM job_claims c WHERE c.session_id = j.session_id AND j.id = ANY (c.job_ids))",
            broken: "are running in a session that claims none of them in job_claims: it does not run them",
            remedy: available),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) AND j.state = 'running' "
                + "AND (j.attempt < 1 OR j.epoch < 1 OR j.started_at IS NULL)",
            broken: "are running and were never begun (jobs.attempt, epoch, started_at)", remedy: edited),
    ]

    private static let waiting = [
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) AND j.state IN ('scheduled', 'parked') "
                + "AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = j.id)",
            broken: "wait for a time or a family without a ticket in job_dispatches that would wake them",
            remedy: repaired),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) "
                + "AND ((j.state = 'scheduled' AND j.due_at IS NULL) OR (j.state = 'parked' AND j.started_at IS NULL))",
            broken: "wait for no time: scheduled without jobs.due_at, or parked without jobs.started_at",
            remedy: available),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) "
                + "AND (j.queue !~ '^[a-z][a-z0-9_.-]{0,63}$' OR j.kind !~ '^[a-z][a-z0-9_.-]{0,63}$')",
            broken: "have a kind or a queue that cannot be one (jobs.kind, jobs.queue): nobody claims them",
            remedy: edited),
        LedgerInvariant(
            // All of them: the watermark passes what is neither open nor waits.
            sql: "SELECT j.id::text FROM jobs j WHERE j.state <> ALL ($1)",
            values: [.array(JobState.allCases.map(\.rawValue))],
            broken: "have a state that this program does not know (jobs.state)", remedy: "use the newest chorewheel"),
    ]

    private static let columns = [
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) "
                + "AND (j.attempt < j.failures OR j.attempt < 0 OR j.failures < 0 OR j.crashes < 0 OR j.epoch < 0 "
                + "OR j.attempt = 2147483647 OR j.failures = 2147483647 OR j.crashes = 2147483647 "
                + "OR j.epoch = 9223372036854775807)",
            broken: "have numbers that cannot be (jobs.attempt, failures, crashes, epoch: none negative, none at its "
                + "end, failures at most attempt)", remedy: edited),
        LedgerInvariant(
            sql: "SELECT j.id::text FROM jobs j WHERE \(Self.mayBeOpen) "
                + "AND j.epoch < (SELECT max(a.epoch) FROM job_attempts a WHERE a.job_id = j.id)",
            broken: "have an epoch (jobs.epoch) below one in their history: a fence ran backwards",
            remedy: "with the ids: UPDATE jobs SET epoch = (SELECT max(a.epoch) FROM job_attempts a "
                + "WHERE a.job_id = jobs.id) + 1 WHERE id IN (…) AND state <> 'running'"),
        LedgerInvariant(
            sql: "SELECT id::text FROM jobs WHERE dead_at IS NOT NULL AND reason IS NULL",
            broken: "are dead without a reason (jobs.reason)", remedy: "keep the rows and report it"),
    ]

    private static let beside = [
        LedgerInvariant(
            sql: "SELECT c.session_id || ' number ' || c.number || ' job ' || t.id FROM job_claims c, "
                + "unnest(c.job_ids) AS t (id) WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = t.id)",
            subject: "claims", broken: "in job_claims name jobs that are not there",
            remedy: "it goes with its session; or DELETE FROM job_claims with these", isHarmless: true),
        LedgerInvariant(
            sql: "SELECT c.session_id || ' number ' || c.number FROM job_claims c "
                + "WHERE NOT EXISTS (SELECT FROM worker_sessions s WHERE s.id = c.session_id)",
            subject: "claims", broken: "in job_claims are of sessions that are not there",
            remedy: "a living worker gives back what they run within 30 s; then DELETE FROM job_claims with these",
            isHarmless: true),
        LedgerInvariant(
            sql: "SELECT id::text FROM worker_sessions WHERE ended_at IS NULL "
                + "AND beat_at > clock_timestamp() + interval '1 minute'",
            subject: "sessions", broken: "have beaten in the future (worker_sessions.beat_at): they would never expire",
            remedy: "with the ids: UPDATE worker_sessions SET beat_at = clock_timestamp() WHERE id IN (…)"),
    ]
}
