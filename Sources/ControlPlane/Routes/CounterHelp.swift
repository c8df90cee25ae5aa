// What the counters that all workers add to mean, for `/metrics`. They are counted in
// Sources/WorkerRuntime/RuntimeCounters.swift; a test compares the two.

/// The help texts of the shared counters.
enum CounterHelp {
    private static let texts = [
        "attempts_settled_total": "Attempts that ended, by kind and outcome.",
        "attempts_fenced_total": "Settlements refused because another session has the job, by kind.",
        "attempts_abandoned_total": "Handlers that did not return after they were cancelled, by kind.",
        "sessions_reaped_total": "Sessions found dead, whose jobs were given back.",
        "sessions_lost_total": "Sessions that found themselves ended by somebody else.",
        "jobs_crashed_total": "Jobs that were aboard a session when it died.",
        "jobs_poison_total": "Jobs dead because sessions kept dying with them aboard, the last one with them alone.",
        "claims_returned_total": "Jobs given back, at no cost, that Redis had given in a claim whose reply was lost.",
        "reconcile_pushed_total": "Available jobs that Redis lacked and the reconciler put back.",
        "reconcile_repaired_total": "Jobs that waited without a ticket and got one from the reconciler.",
        "redis_rebuilds_total": "Times that Redis was found empty and rebuilt from the ledger.",
    ]

    /// Where the figure comes from is the same for all; a newer worker's counter has no more to say.
    static func text(of counter: String) -> String {
        let source = "Of all workers together, since Redis last lost its memory."
        return self.texts[counter].map { "\($0) \(source)" } ?? source
    }

    static var names: Set<String> { Set(self.texts.keys) }
}
