// What is to be done to bring a database from what its records say to a version. Pure: records and files in, steps out,
// or the reason why nothing may be done.

/// One row of `schema_migrations`.
struct MigrationRecord: Sendable, Hashable {
    enum State: String, Sendable {
        /// A migration without a transaction was begun. Goes to: applied, reverting.
        case started
        /// Done, with the fingerprint of the schema it left. Goes to: reverting, or the row goes.
        case applied
        /// A down file without a transaction was begun. Goes to: the row goes.
        case reverting
    }

    var version: Int
    var name: String
    var checksum: String
    var chain: String
    var state: State
    /// How many of the parts of a migration without a transaction are done, in the direction of `state`.
    var statementsDone: Int
    var fingerprint: String?
}

/// The steps that lead to a version.
public struct MigrationPlan: Sendable, Hashable, Codable {
    public struct Step: Sendable, Hashable, Codable {
        public enum Direction: String, Sendable, Hashable, Codable { case up, down }

        public let version: Int
        public let name: String
        public let direction: Direction
        public let transactional: Bool
        /// How many parts of the file are still to be run.
        public let statements: Int
        /// True: it was begun before, and not ended.
        public let resumes: Bool
    }

    /// The version that the database is at; an unfinished migration does not count.
    public let current: Int
    public let target: Int
    public let steps: [Step]

    /// - Throws: `TenancyError`: `.edited`, `.missing`, `.invalid` (a target that is not there).
    init(set: MigrationSet, records: [MigrationRecord], target: Int?) throws(TenancyError) {
        try Self.check(records, against: set)
        let unfinished = records.last.flatMap { $0.state == .applied ? nil : $0 }
        let current = records.count - (unfinished == nil ? 0 : 1)
        let target = target ?? set.latestVersion
        guard (0...set.latestVersion).contains(target) else {
            throw .invalid("to_version", "must be 0 to \(set.latestVersion), the last migration there is")
        }
        var steps: [Step] = []
        var position = current
        func append(_ migration: Migration, _ direction: Step.Direction, done: Int, resumes: Bool) {
            let script = direction == .up ? migration.up : migration.down
            steps.append(
                Step(
                    version: migration.version, name: migration.name, direction: direction,
                    transactional: script.isTransactional, statements: script.statements.count - done,
                    resumes: resumes))
        }
        if let unfinished, let migration = set.migration(unfinished.version) {
            switch unfinished.state {
            case .started where target >= unfinished.version:
                append(migration, .up, done: unfinished.statementsDone, resumes: true)
                position = unfinished.version
            case .started:
                append(migration, .down, done: 0, resumes: true)
            case .reverting:
                append(migration, .down, done: unfinished.statementsDone, resumes: true)
            case .applied:
                break
            }
        }
        while position < target, let migration = set.migration(position + 1) {
            append(migration, .up, done: 0, resumes: false)
            position += 1
        }
        while position > target, let migration = set.migration(position) {
            append(migration, .down, done: 0, resumes: false)
            position -= 1
        }
        self.current = current
        self.target = target
        self.steps = steps
    }

    /// Every applied migration must have its file, unchanged, and those before it.
    private static func check(_ records: [MigrationRecord], against set: MigrationSet) throws(TenancyError) {
        for (index, record) in records.enumerated() {
            let label = "version \(record.version) (\(record.name))"
            guard record.version == index + 1 else {
                throw TenancyError(.missing, "\(label) is recorded, but version \(index + 1) is not")
            }
            guard let migration = set.migration(record.version) else {
                throw TenancyError(.missing, "\(label) was applied, and has no file: is this an older set of files?")
            }
            guard migration.name == record.name else {
                throw TenancyError(.edited, "\(label) was applied; the file of this number is now \(migration.name)")
            }
            guard migration.checksum == record.checksum, migration.chain == record.chain else {
                throw TenancyError(.edited, "\(label) was edited after it was applied: write a new migration instead")
            }
            guard record.state == .applied || index == records.count - 1 else {
                throw TenancyError(.missing, "\(label) is unfinished, though later ones were applied")
            }
        }
    }
}
