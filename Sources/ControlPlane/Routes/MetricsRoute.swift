// `/metrics`: this process's own metrics, and those of the whole pool, which are read from the stores at each scrape.
// A store that does not answer costs its part of the scrape and is named in `chorewheel_scrape_failed`; the rest is
// shown.

internal import Hummingbird
internal import JobModel
internal import JobQueue
internal import Logging
internal import Postgres
internal import Telemetry

struct MetricsRoute: Sendable {
    let stores: ControlPlaneStores
    let logger: Logger

    /// How long one source may take; Prometheus waits 10 s by default.
    private static let sourceTimeout: Duration = .seconds(3)

    func add(to router: Router<APIContext>) {
        router.get("/metrics") { _, _ in
            Response(text: await self.scrape(), contentType: PrometheusText.contentType)
        }
    }

    private func scrape() async -> String {
        async let queues = self.source("queues") { try await self.queueFamilies() }
        async let dispatch = self.source("dispatch") { try await self.dispatchFamilies() }
        async let sessions = self.source("sessions") { Self.families(try await self.stores.jobs.ledger.sessions()) }
        async let counters = self.source("counters") { Self.families(try await self.stores.jobs.index.counters()) }
        async let recovery = self.source("recovery") { Self.families(try await self.stores.jobs.index.recoveryTimes()) }
        let sources = await [
            ("queues", queues), ("dispatch", dispatch), ("sessions", sessions), ("counters", counters),
            ("recovery", recovery),
        ]
        let failed = MetricFamily(
            name: "chorewheel_scrape_failed", kind: .gauge, help: "1: this part of the scrape could not be read.",
            samples: sources.map { .init($0.1 == nil ? 1 : 0, labels: [MetricLabel("source", $0.0)]) })
        return self.stores.metrics.render(
            adding: sources.flatMap { $0.1 ?? [] } + self.poolFamilies() + ProcessMetrics.families() + [failed])
    }

    /// - Returns: nil when it failed.
    private func source(
        _ name: String, _ body: @escaping @Sendable () async throws -> [MetricFamily]
    ) async -> [MetricFamily]? {
        do {
            return try await withDeadline(Self.sourceTimeout, body)
        } catch {
            self.logger.warning("a scrape is not whole", metadata: ["source": "\(name)", "error": "\(error)"])
            return nil
        }
    }

    private func queueFamilies() async throws -> [MetricFamily] {
        let queues = try await self.stores.jobs.ledger.queues()
        var jobs: [MetricFamily.Sample] = []
        var oldest: [MetricFamily.Sample] = []
        var paused: [MetricFamily.Sample] = []
        for queue in queues {
            let label = MetricLabel("queue", queue.name)
            let counts: [(JobState, Int)] = [
                (.available, queue.available), (.running, queue.running), (.scheduled, queue.scheduled),
                (.parked, queue.parked), (.dead, queue.dead),
            ]
            jobs += counts.map { .init($0.1, labels: [label, MetricLabel("state", $0.0.rawValue)]) }
            oldest.append(.init(Double(queue.oldestMilliseconds) / 1000, labels: [label]))
            paused.append(.init(queue.paused ? 1 : 0, labels: [label]))
        }
        return [
            MetricFamily(
                name: "chorewheel_queue_jobs", kind: .gauge, help: "Durable jobs, by queue and state.", samples: jobs),
            MetricFamily(
                name: "chorewheel_queue_oldest_available_seconds", kind: .gauge,
                help: "How long the oldest available durable job has waited.", samples: oldest),
            MetricFamily(
                name: "chorewheel_queue_paused", kind: .gauge, help: "1: workers do not claim from the queue.",
                samples: paused),
        ]
    }

    /// What Redis holds: the fast jobs are nowhere else. Costs Redis one look at each family that has jobs waiting.
    private func dispatchFamilies() async throws -> [MetricFamily] {
        var jobs: [MetricFamily.Sample] = []
        var faults: [MetricFamily.Sample] = []
        for name in try await self.stores.jobs.ledger.queues().map(\.name) {
            let audit = try await self.stores.jobs.index.audit(try QueueName(validating: name))
            let label = MetricLabel("queue", name)
            let counts = [
                ("durable_waiting", audit.durableWaiting), ("fast_waiting", audit.fastWaiting),
                ("durable_quarantined", audit.durableQuarantined), ("fast_quarantined", audit.fastQuarantined),
                ("fast_delayed", audit.fastDelayed), ("fast_dead", audit.fastDead),
            ]
            jobs += counts.map { .init($0.1, labels: [MetricLabel("class", $0.0), label]) }
            faults.append(.init(audit.faults.count, labels: [label]))
        }
        return [
            MetricFamily(
                name: "chorewheel_dispatch_jobs", kind: .gauge, help: "Jobs that Redis holds, by queue and class.",
                samples: jobs),
            MetricFamily(
                name: "chorewheel_dispatch_faults", kind: .gauge, help: "Broken invariants found in Redis, by queue.",
                samples: faults),
        ]
    }

    private static func families(_ sessions: [SessionRecord]) -> [MetricFamily] {
        let alive = sessions.filter { $0.endedAt == nil }
        func gauge(_ name: String, _ help: String, _ value: Int) -> MetricFamily {
            MetricFamily(name: name, kind: .gauge, help: help, samples: [.init(value)])
        }
        return [
            gauge("chorewheel_sessions_alive", "Worker sessions that have not ended.", alive.count),
            gauge(
                "chorewheel_worker_slots",
                "Jobs that all live sessions together can run at a time; a quiet one takes none.",
                alive.filter { !$0.isQuiet }.reduce(0) { $0 + $1.concurrency }),
            gauge(
                "chorewheel_worker_jobs_running", "Durable jobs that live sessions run.",
                alive.reduce(0) { $0 + $1.running }),
            gauge(
                "chorewheel_sessions_oldest_beat_milliseconds", "Age of the oldest heartbeat of a live session.",
                alive.map(\.beatAgeMilliseconds).max() ?? 0),
        ]
    }

    /// The counters that all workers add to.
    private static func families(_ counters: [SharedCounter]) -> [MetricFamily] {
        Dictionary(grouping: counters, by: \.name).map { name, counters in
            MetricFamily(
                name: PrometheusName.metric(name), kind: .counter,
                help: CounterHelp.text(of: name),
                samples: counters.map { counter in
                    .init(counter.value, labels: counter.labels.map { MetricLabel($0.name, $0.value) })
                })
        }
    }

    /// How long dead workers' jobs waited. There from the first death on.
    private static func families(_ times: RecoveryTimes?) -> [MetricFamily] {
        guard let times else { return [] }
        return [
            MetricFamily(
                name: "chorewheel_worker_recovery_seconds", kind: .gauge,
                help: "From a worker's death (its last heartbeat where nobody saw it) until its jobs were given back: "
                    + "the last time, and the greatest since Redis last lost its memory.",
                samples: [("last", times.last), ("max", times.longest)].map {
                    .init($0.1 / .seconds(1), labels: [MetricLabel("of", $0.0)])
                })
        ]
    }

    private func poolFamilies() -> [MetricFamily] {
        let pool = self.stores.jobs.ledger.database.pool.statistics()
        return [
            MetricFamily(
                name: "chorewheel_postgres_connections", kind: .gauge, help: "Connections of this process's pool.",
                samples: [
                    .init(pool.idle, labels: [MetricLabel("state", "idle")]),
                    .init(pool.inUse, labels: [MetricLabel("state", "in_use")]),
                ]),
            MetricFamily(
                name: "chorewheel_postgres_waiting", kind: .gauge,
                help: "Callers that wait for a connection of this process's pool.", samples: [.init(pool.waiting)]),
        ]
    }
}
