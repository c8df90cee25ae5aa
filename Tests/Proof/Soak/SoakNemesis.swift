// Who does the faults: in each domain one after the other, in a random order in which every one comes up, with pauses
// in which the sweepers get their turn. Whatever happens, each fault heals what it broke before it returns.

import Glibc
import JobModel
import JobQueue
import Postgres
import Redis
import TestSupport

/// Breaks things.
struct SoakNemesis: Sendable {
    let stack: SoakStack
    let pools: [SoakPool]
    let network: SoakNetwork
    let record: SoakRecord
    let counts: SoakFaultCounts
    let redisMemory: RedisMemory
    let only: Set<SoakFault>?

    /// A fault was done, but nothing of it was seen.
    struct NotSeen: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    /// Runs the faults of one domain until cancelled; the one under way is carried through.
    func run(_ domain: SoakFault.Domain, _ random: SeededRandom) async {
        var random = random
        let faults = SoakFault.allCases.filter { $0.domain == domain && self.only?.contains($0) ?? true }
            .flatMap { Array(repeating: $0, count: $0.weight) }
        guard !faults.isEmpty else { return }
        while !Task.isCancelled {
            for fault in faults.shuffled(using: &random) {
                guard (try? await Task.sleep(for: random.seconds(2...8))) != nil else { return }
                self.record.note("fault begins: \(fault.rawValue)")
                self.counts.tried(fault)
                // Not cancelled: a fault heals what it broke.
                let part = random.next()
                let outcome = await Task { () -> String? in
                    var random = SeededRandom(seed: part)
                    do {
                        try await self.perform(fault, &random)
                        return nil
                    } catch {
                        return "\(error)"
                    }
                }.value
                if let outcome {
                    self.counts.missed(fault, outcome)
                } else {
                    self.counts.fired(fault)
                }
                self.record.note("fault \(outcome.map { "was not seen (\($0))" } ?? "fired"): \(fault.rawValue)")
            }
            // Sweepers get a turn between rounds.
            guard (try? await Task.sleep(for: random.seconds(5...15))) != nil else { return }
        }
    }

    private func perform(_ fault: SoakFault, _ random: inout SeededRandom) async throws {
        switch fault {
        case .workerKilled: try await self.killWorker(&random)
        case .workerStopped: try await self.stopWorker(&random)
        case .supervisorKilled: try await self.killSupervisor(&random)
        case .machineLost: try await self.loseMachine(&random)
        case .caretakerKilled: try await self.killCaretaker()
        case .rollingRestart: try await self.restart(&random, quietFirst: false)
        case .quietRestart: try await self.restart(&random, quietFirst: true)
        case .connectionsCut: try await self.network.cut(&random)
        case .networkSlow: try await self.network.slow(&random)
        case .networkSilent: try await self.network.silence(&random)
        case .redisKilled: try await self.killRedis(&random, cuttingTail: false)
        case .redisTailCut: try await self.killRedis(&random, cuttingTail: true)
        case .redisEmptied: try await self.emptyRedis(&random)
        case .redisPaused: try await self.pauseRedis(&random)
        case .redisClientsKilled: try await self.killRedisClients()
        case .redisScriptsForgotten: try await self.forgetScripts()
        case .redisFull: try await self.fillRedis(&random)
        case .postgresKilled: try await self.killPostgres(&random)
        case .postgresPaused: try await self.pausePostgres(&random)
        case .backendsTerminated: try await self.terminateBackends()
        case .tableLocked: try await self.lockTable(&random)
        case .queuePaused: try await self.pauseQueue(&random)
        }
    }

    /// Asks until it is so. An error is a "not yet": the servers have faults of their own meanwhile.
    func see(_ what: String, within limit: Duration, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while true {
            if (try? await condition()) == true { return }
            guard ContinuousClock.now < deadline else { throw NotSeen(what) }
            try? await Task.sleep(for: .milliseconds(100))
        }
    }
}
