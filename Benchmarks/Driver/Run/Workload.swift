// What is run for one table of the report, as values: who takes part, what is read from their results, and what issue 3
// wants of it. The list is in `Workload+All.swift`.

/// One table of the report.
struct Workload: Sendable {
    /// `W2`; what the command line names. Several tables may share it.
    let name: String
    let title: String
    /// One after the other within each run, so that a row's figures come from the same minutes.
    let subjects: [Subject]
    let metrics: [Metric]
    let targets: [Target]
    /// What a reader has to know to read the figures.
    let note: String
    /// Seconds that one program of it may take.
    var limitSeconds = 300
}

/// A program that takes part.
struct Subject: Sendable {
    enum Role: String, Sendable, Codable { case ours, floor, peer }

    let name: String
    let role: Role
    /// What follows the program's name, URLs and limit apart.
    let arguments: [String]
    /// How many jobs; nil: the program's own default.
    var jobs: Int?
    var quickJobs: Int?
    var stores: [Store] = [.redis, .database]
    /// Instead of `arguments`, in a quick run; nil: the same.
    var quickArguments: [String]?
    /// Which of ours it is compared with; nil: the first.
    var comparedWith: String?

    enum Store: String, Sendable { case redis, database }
}

extension Subject {
    static func ours(
        _ workload: String, _ jobs: Int, quick: Int, _ options: [String] = [], quickOptions: [String]? = nil,
        name: String = "Chorewheel"
    ) -> Subject {
        let words = ["measure", "--workload", workload]
        return Subject(
            name: name, role: .ours, arguments: words + options, jobs: jobs, quickJobs: quick,
            quickArguments: quickOptions.map { words + $0 })
    }

    static func floor(
        _ program: String, _ jobs: Int, quick: Int, _ stores: [Store], _ options: [String] = [],
        quickOptions: [String]? = nil, name: String? = nil, comparedWith: String? = nil
    ) -> Subject {
        Subject(
            name: name ?? "floor `\(program)`", role: .floor, arguments: [program] + options, jobs: jobs,
            quickJobs: quick, stores: stores, quickArguments: quickOptions.map { [program] + $0 },
            comparedWith: comparedWith)
    }

    /// With its own number of jobs: what takes it some seconds.
    static func peer(_ name: String, _ workload: String, _ store: Store) -> Subject {
        Subject(name: name, role: .peer, arguments: [name, "--workload", workload], stores: [store])
    }

    static func redisPeers(_ workload: String) -> [Subject] {
        ["sidekiq", "dramatiq", "rq", "celery", "bullmq"].map { .peer($0, workload, .redis) }
    }

    static func postgresPeers(_ workload: String) -> [Subject] {
        ["procrastinate", "pgqueuer"].map { .peer($0, workload, .database) }
    }
}

/// A member of the results that becomes a column.
struct Metric: Sendable {
    let key: String
    let title: String
    let digits: Int
    let isBetterHigh: Bool

    static let rate = Metric(key: "per_second", title: "jobs/s", digits: 0, isBetterHigh: true)
    static let p50 = Metric(key: "p50_ms", title: "p50 ms", digits: 3, isBetterHigh: false)
    static let p99 = Metric(key: "p99_ms", title: "p99 ms", digits: 3, isBetterHigh: false)
    static let max = Metric(key: "max_ms", title: "max ms", digits: 1, isBetterHigh: false)
    static let bytes = Metric(key: "bytes_per_job", title: "bytes a job", digits: 1, isBetterHigh: false)

    /// A column in which less is better.
    static func least(_ key: String, _ title: String, digits: Int) -> Metric {
        Metric(key: key, title: title, digits: digits, isBetterHigh: false)
    }
}

/// What a median of ours is held against.
struct Target: Sendable {
    enum Base: Sendable {
        case floor
        case fastestPeer
        /// A subject by name; when it did not run, the number if there is one.
        case subject(String, otherwise: Double? = nil)
        /// The factor is the number itself.
        case number
    }

    /// As the issue says it.
    let text: String
    let metric: Metric
    /// What the base is multiplied with.
    let factor: Double
    let base: Base
    /// Which of our subjects; nil: the first.
    var subject: String?
}
