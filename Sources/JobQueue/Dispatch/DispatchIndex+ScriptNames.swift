// The scripts by what Redis knows them by: for whoever watches the traffic and has to say what passes.

internal import Redis

extension DispatchIndex {
    /// Each script's name, `claim_jobs`, by its SHA-1, the argument of `EVALSHA`, and by its text, that of `EVAL`.
    package static var scriptNames: [String: String] {
        let all = [
            Script.pushDurable, Script.pushFast, Script.joinLane, Script.claim, Script.claimQuarantined,
            Script.settleFast, Script.takeBack, Script.setQueueState, Script.decideDead, Script.audit, Script.takeTurn,
            Script.beat, Script.forget, Script.noteDeath, Script.addCounters,
        ]
        return Dictionary(all.flatMap { [($0.sha1, $0.name), ($0.source, $0.name)] }) { first, _ in first }
    }
}
