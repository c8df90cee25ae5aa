// swift-tools-version: 6.2
// The house, floor by floor (docs/architecture.md): a target may depend only on targets above it in this list.

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .treatAllWarnings(as: .error),  // SE-0480
]

/// Every folder under `workers/`; a test compares this list with the disk.
let workers = ["ComputeStats", "Diagnostics", "MigrateSchema", "ProvisionFamily", "StripeWebhook"]

// Products of other packages.
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let configuration: Target.Dependency = .product(name: "Configuration", package: "swift-configuration")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let hummingbirdTesting: Target.Dependency = .product(name: "HummingbirdTesting", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")

/// A module of `Sources/`, with the package's settings.
func module(_ name: String, _ dependencies: [Target.Dependency], plugins: [Target.PluginUsage] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict, plugins: plugins)
}

/// The plugin of `workers/<name>`.
func worker(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(
        name: "\(name)Worker",
        dependencies: ["WorkerKit", "JobModel", "JobQueue", "Postgres", logging] + dependencies,
        path: "workers/\(name)",
        exclude: ["README.md"],
        swiftSettings: strict,
        plugins: ["EmbedText"]
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "chorewheel",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "JobQueue", targets: ["JobQueue", "JobModel"]),
        .library(name: "WorkerKit", targets: ["WorkerKit", "JobModel", "Postgres"]),
        .library(name: "WorkerRuntime", targets: ["WorkerRuntime", "WorkerKit", "JobQueue", "JobModel"]),
        .library(name: "Tenancy", targets: ["Tenancy"]),
        .executable(name: "chorewheel", targets: ["chorewheel"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // The C libraries. Exactly one module imports each.
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),

        // The ground floor: values, and the two stores' protocols.
        module("JobModel", []),
        module("Telemetry", [logging, coreMetrics]),
        module("Postgres", ["CLibPQ", logging]),
        module("Processes", [logging]),
        module("Redis", ["CHiredis", logging, nioCore, nioPosix, nioSSL, crypto]),

        // The queue.
        module("JobQueue", ["JobModel", "Postgres", "Redis", logging, metrics, crypto], plugins: ["EmbedText"]),
        module("WorkerKit", ["JobModel", "JobQueue", "Postgres", logging]),
        module(
            "WorkerRuntime",
            [
                "WorkerKit", "JobModel", "JobQueue", "Postgres", "Processes", "Redis", "Telemetry", logging, metrics,
                lifecycle, unixSignals, configuration,
            ]),

        // The family workers.
        module("Stripe", [crypto]),
        module(
            "Tenancy", ["JobModel", "JobQueue", "WorkerKit", "Postgres", logging, crypto], plugins: ["EmbedText"]),
        worker("ComputeStats"),
        worker("Diagnostics"),
        worker("MigrateSchema", ["Tenancy"]),
        worker("ProvisionFamily", ["Tenancy"]),
        worker("StripeWebhook", ["Stripe"]),
        module("WorkerCatalog", ["WorkerKit", "Tenancy"] + workers.map { .target(name: "\($0)Worker") }),

        // What people touch.
        module(
            "ControlPlane",
            [
                "JobModel", "JobQueue", "Postgres", "Redis", "Stripe", "Telemetry", "Tenancy", hummingbird,
                hummingbirdCore, logging, metrics, nioCore, crypto,
            ],
            plugins: ["EmbedText"]),
        module("LocalServers", ["Processes", logging]),
        module(
            "DevStack",
            [
                "JobModel", "JobQueue", "LocalServers", "Postgres", "Processes", "Stripe",
                "Tenancy", asyncHTTPClient, lifecycle, unixSignals, logging, nioCore, nioPosix, crypto,
            ]),
        module(
            "Doctor",
            ["JobModel", "JobQueue", "Postgres", "Redis", "Tenancy", "WorkerKit", "WorkerRuntime", logging]),
        .executableTarget(
            name: "chorewheel",
            dependencies: [
                "ControlPlane", "DevStack", "Doctor", "JobModel", "JobQueue", "Postgres", "Processes", "Redis",
                "Telemetry", "Tenancy", "WorkerCatalog", "WorkerKit", "WorkerRuntime", argumentParser,
                asyncHTTPClient, configuration, crypto, lifecycle, unixSignals, logging, nioCore, nioPosix,
            ],
            swiftSettings: strict
        ),

        // Measurements, beside floors and peers (Benchmarks/README.md).
        .executableTarget(
            name: "chorewheel-bench",
            dependencies: [
                "JobModel", "JobQueue", "LocalServers", "Postgres", "Processes", "Redis", "Tenancy", "WorkerKit",
                "WorkerRuntime", argumentParser, logging,
            ],
            path: "Benchmarks/Driver",
            swiftSettings: strict
        ),

        // SQL, Lua and other texts live in files of their own and are compiled in by this plugin.
        .executableTarget(name: "embed-text", path: "Sources/embed-text", swiftSettings: strict),
        .plugin(
            name: "EmbedText", capability: .buildTool(), dependencies: ["embed-text"], path: "Sources/EmbedText"),

        // Tests. `TestSupport` is linked by tests alone.
        module("TestSupport", ["LocalServers", "Processes", logging]),
        module(
            "QueueTestSupport",
            [
                "JobModel", "JobQueue", "Postgres", "Redis", "TestSupport", "WorkerKit", "WorkerRuntime", logging,
            ]),
        // The checks that need minutes, or processes that die (docs/reliability.md).
        .executableTarget(
            name: "chorewheel-proof",
            dependencies: [
                "JobModel", "JobQueue", "LocalServers", "Postgres", "Processes", "QueueTestSupport", "Redis",
                "TestSupport", "WorkerRuntime", argumentParser, asyncHTTPClient, logging, nioCore, nioPosix,
            ],
            path: "Tests/Proof",
            exclude: ["Clocks/preloaded_clock.c", "Mutants", "Spin"],
            swiftSettings: strict
        ),
        tests(
            "ProofTests",
            [
                "chorewheel-proof", "DiagnosticsWorker", "JobModel", "JobQueue", "Postgres", "QueueTestSupport",
                "Redis", "TestSupport",
            ]),
        tests("JobModelTests", ["JobModel"]),
        tests("JobQueueTests", ["JobModel", "JobQueue", "Postgres", "QueueTestSupport", "Redis", "TestSupport"]),
        tests(
            "WorkerRuntimeTests",
            [
                "DiagnosticsWorker", "JobModel", "JobQueue", "LocalServers", "Postgres", "QueueTestSupport", "Redis",
                "TestSupport", "WorkerKit", "WorkerRuntime", logging,
            ]),
        tests("PostgresTests", ["Postgres", "TestSupport", logging]),
        tests("RedisTests", ["Redis", "LocalServers", "Processes", "TestSupport", logging, nioCore, nioEmbedded]),
        tests("TelemetryTests", ["Telemetry", coreMetrics, logging]),
        tests(
            "ControlPlaneTests",
            [
                "ControlPlane", "JobModel", "JobQueue", "Postgres", "Redis", "Stripe", "Telemetry", "Tenancy",
                "TestSupport", hummingbird, hummingbirdTesting, logging,
            ]),
        tests(
            "DrillTests",
            [
                "JobModel", "JobQueue", "LocalServers", "Postgres", "Processes", "QueueTestSupport", "Redis",
                "TestSupport", "WorkerKit", "WorkerRuntime", logging,
            ]),
        tests("TidyTests", ["JobModel"]),
        tests(
            "CommandTests",
            [
                "chorewheel", "ControlPlane", "Doctor", "JobModel", "JobQueue", "Postgres", "Processes", "Redis",
                "Tenancy", "TestSupport", "WorkerRuntime", argumentParser, logging,
            ]),
        tests(
            "TenancyTests",
            [
                "Tenancy", "ProvisionFamilyWorker", "MigrateSchemaWorker", "ComputeStatsWorker", "JobModel", "JobQueue",
                "WorkerKit", "Postgres", "TestSupport", logging,
            ]),
        tests(
            "StripeTests",
            [
                "Stripe", "StripeWebhookWorker", "JobModel", "JobQueue", "WorkerKit", "Postgres", "TestSupport",
                logging,
            ]),
        tests("LocalServersTests", ["LocalServers", "Processes", "TestSupport"]),
    ]
)

// libFuzzer over the way of Redis' replies. Built by Tests/Fuzz/run alone: it takes the fuzzer's library to link, and
// the modules that it looks into have to report where an input leads.
if Context.environment["CHOREWHEEL_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "chorewheel-fuzz", dependencies: ["JobModel", "JobQueue", "Redis", nioCore, nioEmbedded],
            path: "Tests/Fuzz", exclude: ["Corpus", "run", "words.dict"], swiftSettings: strict))
    let reporting = SwiftSetting.unsafeFlags([
        "-enable-testing", "-sanitize-coverage=edge,indirect-calls,trace-cmp,inline-8bit-counters,pc-table",
    ])
    for target in package.targets where ["JobModel", "JobQueue", "Redis"].contains(target.name) {
        target.swiftSettings?.append(reporting)
    }
}
