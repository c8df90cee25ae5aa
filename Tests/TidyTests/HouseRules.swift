// Rules about the house: which module may stand on which. The floors are written down here a second time, on purpose:
// Package.swift says what is, this says what may be.

/// Rules over the modules and their imports.
enum HouseRules {
    /// From the ground up. A target may depend on lower floors only, not on its neighbours.
    static let floors: [[String]] = [
        ["CLibPQ", "CHiredis", "embed-text"],
        ["EmbedText", "JobModel", "Postgres", "Processes", "Redis", "Stripe", "Telemetry"],
        ["JobQueue", "LocalServers"],
        ["TestSupport", "WorkerKit"],
        ["Tenancy", "WorkerRuntime"],
        [
            "ComputeStatsWorker", "DiagnosticsWorker", "MigrateSchemaWorker", "ProvisionFamilyWorker",
            "StripeWebhookWorker",
        ],
        ["ControlPlane", "DevStack", "Doctor", "QueueTestSupport", "WorkerCatalog"],
        ["chorewheel", "chorewheel-bench", "chorewheel-fuzz", "chorewheel-proof"],
    ]

    /// The one importer of each C library.
    static let importers = ["CLibPQ": "Postgres", "CHiredis": "Redis"]

    /// What tests are made of, and links only with its like.
    static let testTargets: Set<String> = ["QueueTestSupport", "TestSupport", "chorewheel-fuzz", "chorewheel-proof"]

    /// Dependencies point downwards, and every target has its floor.
    static func upwardDependencies(_ manifest: PackageManifest, floors: [[String]] = floors) -> [Finding] {
        var floorOf: [String: Int] = [:]
        for (floor, names) in floors.enumerated() { for name in names { floorOf[name] = floor } }
        let targets = manifest.targets.filter { !$0.isTest }
        var findings: [Finding] = []
        for target in targets {
            guard let floor = floorOf[target.name] else {
                findings.append(Finding("Package.swift", "\(target.name) has no floor in HouseRules.floors"))
                continue
            }
            for dependency in target.dependencies.sorted() where floorOf[dependency].map({ $0 >= floor }) ?? true {
                findings.append(
                    Finding("Package.swift", "\(target.name) depends on \(dependency), which is not below it"))
            }
            if !Self.testTargets.contains(target.name) {
                for dependency in target.dependencies.intersection(Self.testTargets).sorted() {
                    findings.append(
                        Finding("Package.swift", "\(target.name) is linked with \(dependency), a tests' module"))
                }
            }
        }
        for name in Set(floorOf.keys).subtracting(targets.map(\.name)).sorted() {
            findings.append(Finding("Package.swift", "\(name) has a floor but is no target"))
        }
        return findings
    }

    /// A module imports only what its target declares.
    static func undeclaredImports(_ manifest: PackageManifest, _ files: [SourceFile]) -> [Finding] {
        let own = Set(manifest.targets.map(\.name))
        return files.flatMap { file -> [Finding] in
            guard let target = Self.target(of: file, manifest) else { return [] }
            return Self.imports(of: file).compactMap { line, module in
                guard own.contains(module), module != target.name, !target.dependencies.contains(module) else {
                    return nil
                }
                return Finding(
                    file.path, line: line, "imports \(module), which \(target.name) does not declare in Package.swift")
            }
        }
    }

    /// Exactly one module imports each C library.
    static func strayCImports(_ manifest: PackageManifest, _ files: [SourceFile]) -> [Finding] {
        files.flatMap { file -> [Finding] in
            Self.imports(of: file).compactMap { line, module in
                guard let importer = Self.importers[module], Self.target(of: file, manifest)?.name != importer
                else { return nil }
                return Finding(file.path, line: line, "imports \(module); only \(importer) may")
            }
        }
    }

    /// Every folder of code is a target: one that Package.swift does not name is never built, its tests never run.
    static func foldersWithoutTarget(_ manifest: PackageManifest, _ files: [SourceFile]) -> [Finding] {
        let known = Set(manifest.targets.map(\.folder))
        let roots = ["Benchmarks", "Sources", "Tests", "workers"]
        let folders = Set(
            files.filter { roots.contains(String($0.folders.first ?? "")) && $0.folders.count >= 2 }
                .map { $0.folders.prefix(2).joined(separator: "/") })
        return folders.subtracting(known).sorted().map { Finding($0, "is not a target in Package.swift") }
            + known.subtracting(folders).sorted().map { Finding("Package.swift", "names \($0), which is not there") }
    }

    /// The folders of `workers/`, the list in Package.swift and the catalog are the same.
    static func plugins(_ manifest: PackageManifest, _ files: [SourceFile]) -> [Finding] {
        let folders = Set(files.filter { $0.folders.first == "workers" }.compactMap { $0.folders.dropFirst().first })
        let listed = Set(manifest.workers.map { $0[...] })
        let targets = Set(manifest.targets.compactMap { $0.folder.split(separator: "/").last }).intersection(folders)
        let catalog = files.filter { $0.path.hasPrefix("Sources/WorkerCatalog/") }
        let linked = Set(
            catalog.flatMap(Self.imports).map(\.module).filter { $0.hasSuffix("Worker") }.map { $0.dropLast(6) })
        let code = catalog.map(\.code).joined()
        var findings: [Finding] = []
        for name in folders.union(listed).union(linked).sorted() {
            if !folders.contains(name) {
                findings.append(Finding("workers/\(name)", "is named elsewhere and not there"))
            }
            if !listed.contains(name) { findings.append(Finding("Package.swift", "`workers` does not list \(name)")) }
            if !targets.contains(name) {
                findings.append(Finding("Package.swift", "has no target for workers/\(name)"))
            }
            if !linked.contains(name) || !code.contains("\(name)Plugin(") {
                findings.append(Finding("Sources/WorkerCatalog", "does not make \(name)Plugin"))
            }
        }
        return findings
    }

    /// Which modules a file imports, and on which line.
    static func imports(of file: SourceFile) -> [(line: Int, module: String)] {
        file.codeLines.enumerated().compactMap {
            index, line in
            let words = line.split(separator: " ")
            guard let at = words.firstIndex(of: "import"), at + 1 < words.count,
                words[..<at].allSatisfy({ $0.hasPrefix("@") || Self.accessLevels.contains($0) })
            else { return nil }
            let isScoped = Self.scopes.contains(words[at + 1]) && at + 2 < words.count
            let module = words[at + (isScoped ? 2 : 1)].split(separator: ".")[0]
            return (index + 1, String(module))
        }
    }

    private static let accessLevels: Set<Substring> = ["public", "package", "internal", "private", "fileprivate"]
    private static let scopes: Set<Substring> = [
        "struct", "class", "enum", "protocol", "func", "let", "var", "typealias",
    ]

    private static func target(of file: SourceFile, _ manifest: PackageManifest) -> PackageManifest.Target? {
        manifest.targets.first { file.path.hasPrefix("\($0.folder)/") }
    }
}
