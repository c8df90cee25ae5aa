// The workloads of issue 3, in its order, with its targets.

extension Workload {
    /// Tables of the report.
    static let all: [Workload] = [
        enqueue, enqueueDurable, drainFast, drainDurable, latencyFast, latencyDurable, memory, scheduled, turns, idle,
        keys, families, killed, lost, signUp,
    ]

    /// What the command line may name.
    static var names: [String] { Set(Self.all.map(\.name)).sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) } }

    private static let enqueue = Workload(
        name: "W1", title: "bulk enqueue, fast jobs, payloads of 100 bytes",
        subjects: [
            .ours("W1", 1_000_000, quick: 100_000),
            .floor("redis-enqueue", 1_000_000, quick: 100_000, [.redis], ["--payload-bytes", "100"]),
        ] + Subject.redisPeers("W1"),
        metrics: [.rate],
        targets: [Target(text: "≥ 60 % of the floor", metric: .rate, factor: 0.6, base: .floor)],
        note: "Ours has two batches under way at once.")

    private static let enqueueDurable = Workload(
        name: "W1", title: "bulk enqueue, durable jobs, payloads of 100 bytes",
        subjects: [.ours("W1d", 200_000, quick: 20_000)] + Subject.postgresPeers("W1"),
        metrics: [.rate],
        targets: [
            Target(text: "faster than the fastest PostgreSQL peer", metric: .rate, factor: 1, base: .fastestPeer)
        ],
        note: "Committed to PostgreSQL. Ours has two batches under way at once. The issue asks nothing of this one.")

    private static let drainFast = Workload(
        name: "W2", title: "drain no-op fast jobs, one worker process",
        subjects: [
            .ours("W2", 500_000, quick: 100_000),
            .floor("redis-drain", 500_000, quick: 100_000, [.redis]),
        ] + Subject.redisPeers("W2"),
        metrics: [.rate, .least("worker_growth", "memory, end ÷ half-way", digits: 2)],
        targets: [
            Target(text: "≥ 20 × the fastest Redis peer", metric: .rate, factor: 20, base: .fastestPeer),
            Target(text: "≥ 40 % of the floor", metric: .rate, factor: 0.4, base: .floor),
            Target(
                text: "flat memory: the worker at the end ≤ 1.1 × half-way",
                metric: .least("worker_growth", "memory, end ÷ half-way", digits: 2), factor: 1.1, base: .number),
        ],
        note: "From the start of the first handler to the last settlement.")

    private static let drainDurable = Workload(
        name: "W3", title: "drain no-op durable jobs, begun and settled in PostgreSQL, one worker process",
        subjects: [
            .ours("W3", 200_000, quick: 20_000),
            .floor("postgres-drain", 200_000, quick: 20_000, [.database]),
        ] + Subject.postgresPeers("W3"),
        metrics: [.rate],
        targets: [
            Target(text: "≥ 3 × the fastest PostgreSQL peer", metric: .rate, factor: 3, base: .fastestPeer),
            Target(text: "≥ 60 % of the floor", metric: .rate, factor: 0.6, base: .floor),
        ],
        note: "The floor keeps the same promises: both commits wait for the disk, sessions and epochs are fenced.")

    private static let latencyFast = Workload(
        name: "W4", title: "idle worker, fast jobs: start of the enqueue → start of the handler",
        subjects: [
            .ours("W4f", 500, quick: 100), .floor("pickup-latency", 500, quick: 100, [.redis]),
        ] + Subject.redisPeers("W4"),
        metrics: [.p50, .p99, .max],
        targets: [
            Target(
                text: "p50 no slower than Sidekiq", metric: .p50, factor: 1,
                base: .subject("sidekiq", otherwise: 0.5)),
            Target(
                text: "p99 no slower than Sidekiq", metric: .p99, factor: 1,
                base: .subject("sidekiq", otherwise: 1.5)),
        ],
        note: "One at a time, 10 ms apart. Without Sidekiq beside it, the 0.5 and 1.5 ms of the issue count.")

    private static let latencyDurable = Workload(
        name: "W4", title: "idle worker, durable jobs: start of the enqueue → start of the handler",
        subjects: [
            .ours("W4d", 500, quick: 100),
            .floor("pickup-latency", 500, quick: 100, [.redis, .database]),
        ] + Subject.postgresPeers("W4"),
        metrics: [.p50, .p99, .max],
        targets: [
            Target(text: "p50 ≤ 1.5 × the floor", metric: .p50, factor: 1.5, base: .floor),
            Target(text: "p99 ≤ 2 × the floor", metric: .p99, factor: 2, base: .floor),
        ],
        note: "The floor is a bare commit through libpq, followed by a push and a blocking pop in Redis.")

    private static let memory = Workload(
        name: "W5", title: "Redis' memory for each queued fast job, payloads of 80 bytes",
        subjects: [
            .ours("W5", 1_000_000, quick: 100_000),
            .floor("redis-enqueue", 1_000_000, quick: 100_000, [.redis], ["--payload-bytes", "80"]),
        ] + Subject.redisPeers("W5"),
        metrics: [.bytes],
        targets: [
            Target(
                text: "less than Sidekiq's", metric: .bytes, factor: 1, base: .subject("sidekiq", otherwise: 242))
        ],
        note: "Without Sidekiq beside it, the 242 bytes of the issue count.")

    private static let scheduled = Workload(
        name: "W5", title: "drain no-op fast jobs with a million scheduled ones beside",
        subjects: [
            .ours(
                "W2", 500_000, quick: 100_000, ["--compact"], quickOptions: ["--compact"], name: "none scheduled"),
            .ours(
                "W2", 500_000, quick: 100_000, ["--compact", "--scheduled", "1000000"],
                quickOptions: ["--compact", "--scheduled", "100000"], name: "scheduled beside"),
        ],
        metrics: [.rate, .least("bytes_per_scheduled_job", "bytes a scheduled job", digits: 1)],
        targets: [
            Target(
                text: "slows W2 by no more than 10 %", metric: .rate, factor: 0.9, base: .subject("none scheduled"),
                subject: "scheduled beside")
        ],
        note: """
            Scheduled for tomorrow; they stay scheduled to the end. Redis rewrites its append-only file before both \
            drains: with a million jobs in it that takes one of two cores for three seconds, as often as the file \
            doubles. (A quick run schedules a tenth.)
            """)

    private static let turns: Workload = {
        let waits = Metric.least("noisy_ratio", "with ÷ without", digits: 2)
        let claims = Metric.least("claim_ratio", "10,000 ÷ 10", digits: 2)
        return Workload(
            name: "W6", title: "1,000 families, one of them holds 90 % of all jobs",
            subjects: [.ours("W6", 500_000, quick: 50_000)],
            metrics: [
                .least("p99_alone_ms", "p99 wait without, ms", digits: 1),
                .least("p99_noisy_ms", "p99 wait with, ms", digits: 1), waits,
                .least("claim_us_few", "claim of 100, 10 families, µs", digits: 0),
                .least("claim_us_many", "claim of 100, 10,000 families, µs", digits: 0), claims,
            ],
            targets: [
                Target(
                    text: "p99 wait of the others ≤ 2 × that without the noisy one", metric: waits, factor: 2,
                    base: .number),
                Target(
                    text: "claim cost the same with 10 and with 10,000 families waiting (within 10 %)",
                    metric: claims, factor: 1.1, base: .number),
            ],
            note: """
                All jobs are there before the worker starts, the noisy family's first; a wait is counted from the \
                first handler's start. The claims are calls of the index, from the call to the decoded reply.
                """)
    }()

    private static let idle: Workload = {
        let redis = Metric.least("redis_per_second", "Redis commands/s", digits: 2)
        let sent = Metric.least("redis_sent_per_second", "scripts and waits sent/s", digits: 2)
        let cpu = Metric.least("cpu_percent", "% of a core", digits: 2)
        let postgres = Metric.least("postgres_per_second", "PostgreSQL transactions/s", digits: 2)
        return Workload(
            name: "W7", title: "an idle worker process, which is also the caretaker",
            subjects: [.ours("W7", 20, quick: 10)], metrics: [redis, sent, cpu, postgres],
            targets: [
                Target(text: "≤ 5 Redis commands/s", metric: redis, factor: 5, base: .number),
                Target(text: "≤ 1 % of a core", metric: cpu, factor: 1, base: .number),
                Target(text: "≤ 2 PostgreSQL statements/s", metric: postgres, factor: 2, base: .number),
            ],
            note: """
                Redis' own count, which has in it what scripts call; the second column is what came over the wire. \
                The worker's statements are transactions of their own, so these are counted.
                """)
    }()

    private static let keys: Workload = {
        let ratio = Metric.least("keys_ratio", "with ÷ without", digits: 2)
        return Workload(
            name: "W8", title: "enqueue of a fast job with an idempotency key, one at a time",
            subjects: [.ours("W8", 1_000_000, quick: 50_000)],
            metrics: [
                .least("none_us", "no keys present, µs", digits: 1), .least("many_us", "all present, µs", digits: 1),
                ratio,
            ],
            targets: [Target(text: "equal within 10 %", metric: ratio, factor: 1.1, base: .number)],
            note: "Medians of single calls.")
    }()

    private static let families: Workload = {
        let processes = [1, 2, 4, 8]
        func name(_ count: Int) -> String { "\(count) process\(count == 1 ? "" : "es")" }
        return Workload(
            name: "W9", title: "one transaction each in a random family database of 200",
            subjects: processes.flatMap { count -> [Subject] in
                let options = ["--processes", "\(count)"]
                let ours = "Chorewheel, \(name(count))"
                return [
                    .floor(
                        "postgres-family", 1500, quick: 500, [.database], options + ["--connections", "24"],
                        quickOptions: options + ["--connections", "24", "--databases", "20"],
                        name: "floor `postgres-family`, \(name(count))", comparedWith: ours),
                    .ours(
                        "W9", 1500, quick: 500, options, quickOptions: options + ["--databases", "20"], name: ours),
                ]
            },
            metrics: [.rate],
            targets: zip(processes, processes.dropFirst()).map { fewer, more in
                Target(
                    text: "\(name(more)): never slower than \(name(fewer))", metric: .rate, factor: 1,
                    base: .subject("Chorewheel, \(name(fewer))"), subject: "Chorewheel, \(name(more))")
            },
            note: """
                Ours are durable jobs, begun and settled in the ledger beside the transaction; the floor is that \
                transaction alone, and makes the databases. 24 connections to family databases in each process, the \
                least recently used goes. (A quick run has 20 databases.)
                """)
    }()

    private static let recoveryMedian = Metric.least("p50_ms", "p50 ms", digits: 0)
    private static let recovery = Metric.least("max_ms", "max ms", digits: 0)

    private static let killed = Workload(
        name: "W10", title: "`kill -9` of a supervised worker → its jobs run again",
        subjects: [.ours("W10k", 10, quick: 3)], metrics: [recoveryMedian, recovery],
        targets: [Target(text: "≤ 250 ms", metric: recovery, factor: 250, base: .number)],
        note: "`chorewheel work --processes 2`; the last of the killed worker's jobs counts. Repeated for each kill.")

    private static let lost = Workload(
        name: "W10", title: "a machine is lost, supervisor and workers at once → their jobs run again elsewhere",
        subjects: [.ours("W10l", 3, quick: 1)], metrics: [recoveryMedian, recovery],
        targets: [Target(text: "≤ 15 s", metric: recovery, factor: 15_000, base: .number)],
        note: "Two supervisors with two workers each; all of one are killed, the caretaker among them.")

    private static let signUp = Workload(
        name: "W11", title: "sign-up over HTTP → family ready",
        subjects: [
            .ours("W11", 50, quick: 10), .floor("postgres-provision", 50, quick: 10, [.database]),
        ],
        metrics: [.p50, .p99, .max],
        targets: [
            Target(text: "p50 ≤ 1.3 × the floor", metric: .p50, factor: 1.3, base: .floor),
            Target(text: "p99 ≤ 1.3 × the floor", metric: .p99, factor: 1.3, base: .floor),
        ],
        note: "One at a time, `chorewheel serve` and `chorewheel work`; the floor says the same statements.")
}
