// Reads the rows of begin_jobs.sql: thousands of them in a second, so where the bytes lie, and with few new texts.

internal import JobModel
internal import Postgres

/// The names that were read last: neighbours mostly have the same, and comparing costs less than making a text.
struct KnownNames {
    fileprivate var kind: JobKind?
    fileprivate var queue: QueueName?
}

extension BegunJob {
    init(_ row: PostgresRow, _ names: inout KnownNames) throws {
        let kind: JobKind
        if let known = names.kind, row.isText(known.rawValue, at: 1) {
            kind = known
        } else {
            kind = try JobKind(validating: try row.string(at: 1))
            names.kind = kind
        }
        let queue: QueueName
        if let known = names.queue, row.isText(known.rawValue, at: 2) {
            queue = known
        } else {
            queue = try QueueName(validating: try row.string(at: 2))
            names.queue = queue
        }
        self.init(
            id: try row.jobID(at: 0), kind: kind, queue: queue,
            target: JobTarget(family: try row.optionalUUID(at: 3).map { FamilyID($0) }),
            payload: row.withUTF8(at: 4) { Array($0) } ?? [],
            payloadVersion: try row.int(at: 5),
            attempt: try row.int(at: 6),
            failures: try row.int(at: 7),
            crashes: try row.int(at: 8),
            epoch: Int64(try row.int(at: 9)),
            maxAttempts: try row.int(at: 10),
            idempotencyKey: try row.optionalString(at: 11))
    }
}

extension PostgresRow {
    /// A job's id.
    func jobID(at index: Int) throws -> JobID {
        guard let id = try self.optionalUUID(at: index) else { throw JobQueueError(.corrupt, "a job has no id") }
        return JobID(id)
    }

    fileprivate func optionalUUID(at index: Int) throws -> UUIDBytes? {
        let read: UUIDBytes?? = self.withUTF8(at: index) { UUIDBytes(text: $0) }
        guard let text = read else { return nil }
        guard let uuid = text else { throw JobQueueError(.corrupt, "column \(index) of a job is no UUID") }
        return uuid
    }

    fileprivate func isText(_ text: String, at index: Int) -> Bool {
        var text = text
        return self.withUTF8(at: index) { cell in text.withUTF8 { $0.elementsEqual(cell) } } ?? false
    }
}

extension UUIDBytes {
    /// As PostgreSQL takes it.
    var words: (high: UInt64, low: UInt64) { (self.high, self.low) }
}
