// Worker sessions: somebody works, and whoever claims to live is heard of.

internal import JobQueue

extension Examination {
    func checkWorkers() async throws -> [Finding] {
        workerFindings(try await self.client.ledger.sessions())
    }
}

/// Pure.
func workerFindings(_ sessions: [SessionRecord]) -> [Finding] {
    let alive = sessions.filter { $0.endReason == nil }
    guard !alive.isEmpty else {
        return [.warn("workers", "no worker is alive: jobs wait", remedy: "start one: chorewheel work")]
    }
    // The default lease; a worker with a longer one is told from a dead one by its host.
    let silent = alive.filter { $0.beatAgeMilliseconds > 10_000 }
    var findings: [Finding] = []
    if alive.count > silent.count {
        let running = alive.reduce(0) { $0 + $1.running }
        findings.append(
            .ok("workers", "\(alive.count - silent.count) alive, \(running) jobs running"))
    }
    for session in silent {
        findings.append(
            .warn(
                "workers",
                "session \(session.id) (\(session.host), pid \(session.pid)) has been silent for "
                    + "\(session.beatAgeMilliseconds / 1000) s",
                remedy: alive.count > silent.count
                    ? "another worker takes its jobs within 15 s; if this stays, look at the workers' logs"
                    : "nobody is alive to take its jobs: chorewheel work"))
    }
    if alive.allSatisfy(\.isQuiet) {
        findings.append(
            .warn("workers", "all are quiet and claim nothing: jobs wait", remedy: "start others: chorewheel work"))
    }
    let versions = Set(alive.map(\.version)).sorted()
    if versions.count > 1 {
        findings.append(
            .warn(
                "workers", "several versions are at work: \(versions.joined(separator: ", "))",
                remedy: "finish the deployment"))
    }
    return findings
}
