// What is looked at while the soak runs: whether the periodic sweepers come round, and how much memory workers take.

import Glibc
import Postgres
import Processes
import Synchronization

/// Looks every few seconds until cancelled.
final class SoakWatch: Sendable {
    /// One worker process's memory over its life.
    struct Life: Sendable {
        var firstSeen: Duration
        /// Half a minute into its life: caches are filled, connections open.
        var early: Int?
        var last: (at: Duration, bytes: Int)

        var length: Duration { self.last.at - self.firstSeen }
    }

    private struct State {
        var reconciled: Set<String> = []
        var lives: [Int32: Life] = [:]
    }

    private let stack: SoakStack
    private let pools: [SoakPool]
    private let record: SoakRecord
    private let state = Mutex(State())

    init(stack: SoakStack, pools: [SoakPool], record: SoakRecord) {
        self.stack = stack
        self.pools = pools
        self.record = record
    }

    /// How many passes of the reconciler were seen to end.
    var reconciliations: Int { self.state.withLock { $0.reconciled.count } }

    /// Processes that lived so long that growth would show.
    func lives(longerThan length: Duration) -> [Life] {
        self.state.withLock { $0.lives.values.filter { $0.length >= length && $0.early != nil } }
    }

    func run() async {
        while !Task.isCancelled {
            let at = try? await self.stack.platform.query(
                "SELECT reconciled_at::text FROM reconciliation", timeout: .seconds(3)
            ).first?.optionalString(at: 0)
            if let at { self.state.withLock { _ = $0.reconciled.insert(at) } }
            for pool in self.pools {
                for pid in await pool.workers() { self.measure(pid) }
            }
            try? await Task.sleep(for: .seconds(2))
        }
    }

    private func measure(_ pid: Int32) {
        guard let fields = FileSystem.text(ofFileThatMayVanish: "/proc/\(pid)/statm")?.split(separator: " "),
            fields.count > 1, let pages = Int(fields[1]), pages > 0
        else { return }
        let (now, bytes) = (self.record.now, pages * Int(sysconf(Int32(_SC_PAGESIZE))))
        self.state.withLock { state in
            var life = state.lives[pid] ?? Life(firstSeen: now, last: (now, bytes))
            life.last = (now, bytes)
            if life.early == nil, life.length >= .seconds(30) { life.early = bytes }
            state.lives[pid] = life
        }
    }
}
