// Counters that all worker processes add to, so that one scrape sees the whole pool. Kept in Redis: they are for
// watching, not for truth; an emptied Redis starts them at zero, as a restart does.

public import JobModel
internal import Redis

/// A counter of the whole pool.
public struct SharedCounter: Sendable, Hashable {
    /// `attempts_fenced_total`
    public let name: String
    public let labels: [Label]
    public let value: Int

    public struct Label: Sendable, Hashable, Comparable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        public static func < (left: Label, right: Label) -> Bool {
            (left.name, left.value) < (right.name, right.value)
        }
    }

    public init(name: String, labels: [Label] = [], value: Int) {
        self.name = name
        self.labels = labels.sorted()
        self.value = value
    }

    /// The counter's field: `name|label=value|label=value`. Names and values hold no `|` and no `=`.
    var field: String {
        ([self.name] + self.labels.map { "\($0.name)=\($0.value)" }).joined(separator: "|")
    }

    init?(field: String, value: Int) {
        let parts = field.split(separator: "|", omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty else { return nil }
        var labels: [Label] = []
        for part in parts.dropFirst() {
            guard let equals = part.firstIndex(of: "=") else { return nil }
            labels.append(Label(String(part[..<equals]), String(part[part.index(after: equals)...])))
        }
        self.init(name: String(name), labels: labels, value: value)
    }
}

/// What one process counted since its last flush.
public struct CounterFlush: Sendable, Hashable {
    public let process: WorkerID
    /// Grows with each flush of the process.
    public let number: Int
    public let counters: [SharedCounter]

    public init(process: WorkerID, number: Int, counters: [SharedCounter]) {
        self.process = process
        self.number = number
        self.counters = counters
    }
}

extension DispatchIndex {
    private var countersKey: String { "{\(self.namespace)}:counters" }

    /// Adds a flush to the pool's counters. It may be sent again after a lost reply: it counts once.
    public func add(_ flush: CounterFlush) async throws {
        let keys = [self.countersKey, "{\(self.namespace)}:counted:\(flush.process)"]
        _ = try await self.redis.run(Script.addCounters, keys: keys) { command in
            command.append(flush.number)
            for counter in flush.counters {
                command.append(counter.field)
                command.append(counter.value)
            }
        }
    }

    /// The pool's counters.
    public func counters() async throws -> [SharedCounter] {
        var command = RedisCommand("HGETALL")
        command.append(self.countersKey)
        let values = try await self.redis.send(command).array ?? []
        return stride(from: 0, to: values.count - 1, by: 2).compactMap { index in
            guard let field = values[index].string, let value = values[index + 1].string.flatMap({ Int($0) }) else {
                return nil
            }
            return SharedCounter(field: field, value: value)
        }
    }
}
