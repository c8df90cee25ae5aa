// Reading a directory of migrations, and refusing one that is not sound.

import Testing

@testable import Tenancy

/// A set from texts by file name.
func migrationSet(_ files: [String: String]) throws -> MigrationSet {
    try MigrationSet(files: files.mapValues { Array($0.utf8) })
}

@Suite struct MigrationSetTests {
    private let pair = ["0001_make_a.up.sql": "CREATE TABLE a ();", "0001_make_a.down.sql": "DROP TABLE a;"]

    @Test func `files are paired, numbered and chained`() throws {
        let set = try migrationSet(
            self.pair.merging(
                ["0002_make_b.up.sql": "CREATE TABLE b ();", "0002_make_b.down.sql": "DROP TABLE b;"]) { $1 })
        #expect(set.latestVersion == 2)
        #expect(set.migration(2)?.name == "make_b")
        #expect(set.migration(1)?.chain != set.migration(2)?.chain)
        #expect(set.migration(3) == nil)
        #expect(set.prefix(through: 1) == (try migrationSet(self.pair)))
    }

    @Test func `an edit changes the checksum, and the chain of all that follow`() throws {
        let more = ["0002_make_b.up.sql": "CREATE TABLE b ();", "0002_make_b.down.sql": "DROP TABLE b;"]
        let before = try migrationSet(self.pair.merging(more) { $1 })
        let after = try migrationSet(self.pair.merging(more) { $1 }.merging(["0001_make_a.up.sql": "SELECT 1;"]) { $1 })
        #expect(before.migration(2)?.checksum == after.migration(2)?.checksum)
        #expect(before.migration(2)?.chain != after.migration(2)?.chain)
    }

    @Test func `a mended down file changes nothing`() throws {
        let mended = try migrationSet(self.pair.merging(["0001_make_a.down.sql": "DROP TABLE IF EXISTS a;"]) { $1 })
        #expect(mended.migration(1)?.chain == (try migrationSet(self.pair)).migration(1)?.chain)
    }

    @Test func `parts without a transaction are parted by their mark`() throws {
        let set = try migrationSet([
            "0001_index_a.up.sql": "-- chorewheel: no-transaction\nCREATE x;\n-- chorewheel: next\nCREATE y;\n",
            "0001_index_a.down.sql": "DROP x;",
        ])
        #expect(set.migration(1)?.up.isTransactional == false)
        #expect(set.migration(1)?.up.statements.count == 2)
        #expect(set.migration(1)?.down.isTransactional == true)
    }

    @Test(arguments: [
        (["1_make_a.up.sql": "SELECT 1;"], "1_make_a.up.sql", "must be called"),
        (["0001_Make.up.sql": "SELECT 1;"], "0001_Make.up.sql", "must be called"),
        (["0000_make.up.sql": "SELECT 1;"], "0000_make.up.sql", "must be called"),
        (["0001_make.sql": "SELECT 1;"], "0001_make.sql", "must be called"),
        (["0001_make_a.up.sql": "SELECT 1;"], "0001_make_a.up.sql", "no .down.sql"),
        (["0001_make_a.down.sql": "SELECT 1;"], "0001_make_a.down.sql", "no .up.sql"),
        (["0002_make_a.up.sql": "SELECT 1;", "0002_make_a.down.sql": "SELECT 1;"], "0002_make_a.up.sql", "gap"),
        (["0001_a.up.sql": "SELECT 1;", "0001_b.up.sql": "SELECT 1;"], "0001_b.up.sql", "another name"),
        (["0001_a.up.sql": "-- nothing\n"], "0001_a.up.sql", "no statement"),
        (["0001_a.up.sql": "BEGIN;\nSELECT 1;\nCOMMIT;"], "0001_a.up.sql", "must not have 'BEGIN;'"),
        (["0001_a.up.sql": "SELECT 1;\n-- chorewheel: next\nSELECT 2;"], "0001_a.up.sql", "but not"),
        (
            ["0001_a.up.sql": "-- chorewheel: no-transaction\nSELECT 1;\n-- chorewheel: next\n"], "0001_a.up.sql",
            "empty part"
        ),
    ])
    func `an unsound directory is refused, naming the file and the rule`(
        files: [String: String], file: String, rule: String
    ) {
        let error = #expect(throws: TenancyError.self) { try migrationSet(files) }
        #expect(error?.code == .migrationFile)
        #expect(error?.field == file)
        #expect(error?.message.contains(rule) == true)
    }

    @Test func `a file that is not UTF-8 is refused`() {
        let error = #expect(throws: TenancyError.self) { try MigrationSet(files: ["0001_a.up.sql": [0xFF, 0xFE]]) }
        #expect(error?.message.contains("UTF-8") == true)
    }

    @Test func `a directory that is not there is refused by name`() {
        let error = #expect(throws: TenancyError.self) { try MigrationSet(directory: "/nowhere/at/all") }
        #expect(error?.field == "/nowhere/at/all")
    }
}

@Suite struct MigrationPlanTests {
    private static let names = ["make_a", "index_a", "make_b"]

    private func set() throws -> MigrationSet {
        var files: [String: String] = [:]
        for (index, name) in Self.names.enumerated() {
            let mark = name == "index_a" ? "-- chorewheel: no-transaction\nSELECT 0;\n-- chorewheel: next\n" : ""
            files["000\(index + 1)_\(name).up.sql"] = "\(mark)SELECT \(index);"
            files["000\(index + 1)_\(name).down.sql"] = "\(mark)SELECT \(index);"
        }
        return try migrationSet(files)
    }

    private func records(
        _ count: Int, last state: MigrationRecord.State = .applied, done: Int = 0
    ) throws -> [MigrationRecord] {
        try self.set().migrations.prefix(count).map { migration in
            let isLast = migration.version == count
            return MigrationRecord(
                version: migration.version, name: migration.name, checksum: migration.checksum, chain: migration.chain,
                state: isLast ? state : .applied, statementsDone: isLast ? done : 0, fingerprint: nil)
        }
    }

    private func steps(_ records: [MigrationRecord], to target: Int?) throws -> [String] {
        try MigrationPlan(set: self.set(), records: records, target: target).steps.map {
            "\($0.direction) \($0.version)\($0.resumes ? " again, \($0.statements) left" : "")"
        }
    }

    @Test func `from every version to every version the steps are those between`() throws {
        for current in 0...3 {
            for target in 0...3 {
                let expected =
                    current <= target
                    ? (current..<target).map { "up \($0 + 1)" } : (target..<current).reversed().map { "down \($0 + 1)" }
                #expect(try self.steps(self.records(current), to: target) == expected)
            }
        }
        #expect(try self.steps(self.records(1), to: nil) == ["up 2", "up 3"])
    }

    @Test func `what was begun is ended first`() throws {
        #expect(try self.steps(self.records(2, last: .started, done: 1), to: 3) == ["up 2 again, 1 left", "up 3"])
        #expect(try self.steps(self.records(2, last: .started, done: 1), to: 2) == ["up 2 again, 1 left"])
        #expect(try self.steps(self.records(2, last: .started, done: 1), to: 1) == ["down 2 again, 2 left"])
        #expect(try self.steps(self.records(2, last: .started), to: 0) == ["down 2 again, 2 left", "down 1"])
        #expect(try self.steps(self.records(2, last: .reverting, done: 1), to: 1) == ["down 2 again, 1 left"])
        #expect(
            try self.steps(self.records(2, last: .reverting, done: 1), to: 3)
                == ["down 2 again, 1 left", "up 2", "up 3"])
    }

    @Test func `an edited, renamed, missing or unknown migration is refused, naming the version`() throws {
        func code(_ change: (inout [MigrationRecord]) -> Void) throws -> TenancyError? {
            var records = try self.records(3)
            change(&records)
            return #expect(throws: TenancyError.self) {
                try MigrationPlan(set: self.set(), records: records, target: nil)
            }
        }
        let edited = try code { $0[1].checksum = "other" }
        #expect(edited?.code == .edited && edited?.message.contains("version 2") == true)
        #expect(try code { $0[2].chain = "other" }?.code == .edited)
        #expect(try code { $0[0].name = "other" }?.code == .edited)
        #expect(try code { $0.remove(at: 1) }?.code == .missing)
        #expect(try code { $0[0].state = .started }?.code == .missing)
        let newer = try code { records in
            var next = records[2]
            next.version = 4
            records.append(next)
        }
        #expect(newer?.code == .missing && newer?.message.contains("version 4") == true)
    }

    @Test(arguments: [-1, 4])
    func `a version that is not there is refused`(target: Int) throws {
        #expect(throws: TenancyError.self) {
            try MigrationPlan(set: self.set(), records: self.records(1), target: target)
        }
    }
}
