// The style guide as tests: every rule, over the whole checkout. RuleTests.swift shows that each rule can fail.

import JobModel
import Testing

@Suite("The checkout is tidy")
struct TidyTests {
    let checkout: Checkout
    let manifest: PackageManifest

    init() throws {
        self.checkout = try Checkout.current.get()
        self.manifest = PackageManifest(try self.checkout.file("Package.swift"))
    }

    @Test("lines have at most 120 columns")
    func columns() {
        expectNone(self.checkout.files("swift", "sql", "lua").flatMap(TextRules.longLines))
    }

    @Test("source files have at most 500 lines")
    func lines() {
        expectNone(self.checkout.files("swift", "sql", "lua").flatMap(TextRules.longFile))
    }

    @Test("texts end with one line break, and no line ends with white space")
    func whiteSpace() {
        expectNone(self.checkout.files.flatMap(TextRules.whiteSpace))
    }

    @Test("no text holds notes to oneself")
    func notesToOneself() {
        expectNone(self.checkout.files.flatMap(TextRules.notesToOneself))
    }

    @Test("every Swift, SQL and Lua file opens by saying what it is for")
    func headers() {
        expectNone(self.checkout.files("swift", "sql", "lua").flatMap(TextRules.header))
    }

    @Test("nothing calls what is banned")
    func bannedCalls() {
        expectNone(self.checkout.files("swift").flatMap(TextRules.bannedCalls))
    }

    @Test("nothing is unwrapped by force")
    func forcedUnwraps() {
        expectNone(self.checkout.files("swift").flatMap(TextRules.forcedUnwraps))
    }

    @Test("Foundation is imported whole only where its essentials are not to be had")
    func foundation() {
        expectNone(self.checkout.files("swift").flatMap(TextRules.wholeFoundation))
    }

    @Test("modules depend downwards only, and tests' modules are linked by tests alone")
    func floors() {
        #expect(self.manifest.targets.count > 20)
        expectNone(HouseRules.upwardDependencies(self.manifest))
    }

    @Test("modules import only what they declare")
    func imports() {
        expectNone(HouseRules.undeclaredImports(self.manifest, self.checkout.files("swift")))
    }

    @Test("one module imports each C library")
    func cLibraries() {
        expectNone(HouseRules.strayCImports(self.manifest, self.checkout.files("swift")))
    }

    @Test("every folder of code is a target, and every target has its folder")
    func folders() {
        let code = self.checkout.files("swift", "modulemap", in: "Benchmarks", "Sources", "Tests", "workers")
        expectNone(HouseRules.foldersWithoutTarget(self.manifest, code))
    }

    @Test("the folders of workers, the list in Package.swift and the catalog are the same")
    func plugins() {
        expectNone(HouseRules.plugins(self.manifest, self.checkout.files("swift")))
    }

    @Test("migrations are numbered without gaps, and each has its way back", arguments: ["platform", "family"])
    func migrations(set: String) {
        let files = self.checkout.files("sql", in: "migrations/\(set)")
        #expect(!files.isEmpty)
        expectNone(MigrationRules.numbering(files))
    }

    @Test("links in documents lead somewhere")
    func links() {
        expectNone(DocumentRules.brokenLinks(self.checkout.files))
    }

    @Test("code that documents quote is the code")
    func quotes() {
        expectNone(DocumentRules.staleQuotes(self.checkout.files))
    }

    @Test("each way to lose a job has tests that are there")
    func catalogue() throws {
        let document = try self.checkout.file("docs/reliability.md")
        expectNone(DocumentRules.missingTests(in: document, rows: 20, self.checkout.files))
    }

    @Test("each planted bug applies, and the test that is to catch it is there")
    func mutants() {
        expectNone(MutantRules.stale(self.checkout.files("mutant"), self.checkout.files))
    }

    @Test("make help has a line for every target")
    func makeHelp() throws {
        expectNone(DocumentRules.silentTargets(try self.checkout.file("Makefile")))
    }

    @Test("the architecture names every module, and the README every plugin")
    func documentsAreWhole() throws {
        let modules = self.manifest.targets.filter { !$0.isTest }.map(\.name)
        expectNone(DocumentRules.unmentioned(modules, in: try self.checkout.file("docs/architecture.md")))
        expectNone(DocumentRules.unmentioned(self.manifest.workers, in: try self.checkout.file("README.md")))
    }

    @Test("the architecture names every table of the ledger and every key of Redis")
    func storesAreDescribed() throws {
        let document = try self.checkout.file("docs/architecture.md")
        let tables = DocumentRules.tables(
            in: try self.checkout.file("migrations/platform/0001_create_job_ledger.up.sql"))
        let keys = DocumentRules.redisKeys(in: self.checkout.files("lua"))
        #expect(tables.contains("jobs") && keys.contains(":ring"))
        expectNone(DocumentRules.unmentioned(tables.map { "`\($0)`" } + keys.map { "}\($0)" }, in: document))
    }

    @Test("the diagram of a job's life draws what the code allows, and nothing else")
    func diagram() throws {
        let document = try self.checkout.file("docs/job-life.md")
        expectNone(LifeDiagram(markdown: document.text).findings(against: .walked(), path: document.path))
    }

    @Test("the walk over a job's life knows every event", arguments: EventKind.allCases)
    func events(kind: EventKind) {
        #expect(EventKind(kind.event) == kind)
    }

    @Test("a job's states in the ledger are those of the code")
    func statesOfTheLedger() throws {
        let ledger = try self.checkout.file("migrations/platform/0001_create_job_ledger.up.sql")
        #expect(
            allowedWords(of: "state", inTable: "jobs", sql: ledger.text) == Set(JobState.allCases.map(\.rawValue)))
    }

    @Test("the document of a job's life names every reason to be parked or dead")
    func reasons() throws {
        let reasons = ParkReason.allCases.map(\.rawValue) + DeathReason.allCases.map(\.rawValue)
        expectNone(DocumentRules.unmentioned(reasons.map { "`\($0)`" }, in: try self.checkout.file("docs/job-life.md")))
    }
}
