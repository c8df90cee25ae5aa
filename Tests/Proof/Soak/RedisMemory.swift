// What Redis remembers: a mark written every tenth of a second tells afterwards which moment a Redis that was killed
// has come back to, and the sizes of its append-only file tell where to cut to take seconds off its end.

import Glibc
import JobQueue
import LocalServers
import Logging
import Processes
import Redis
import Synchronization

/// Writes marks, and follows the append-only file.
final class RedisMemory: Sendable {
    private struct Size {
        var at: Duration
        var path: String
        var bytes: Int
    }

    private struct State {
        /// When each mark was sent, by its number.
        var marks: [Duration] = []
        var sizes: [Size] = []
        /// Marks below this number went with an emptied Redis.
        var firstMark = 0
        var isHeld = false
        var isWriting = false
    }

    private static let key = "soak:mark"
    private let stack: SoakStack
    private let record: SoakRecord
    private let redis: RedisClient
    private let state = Mutex(State())

    init(stack: SoakStack, record: SoakRecord) throws {
        self.stack = stack
        self.record = record
        self.redis = RedisClient(
            configuration: try RedisConfiguration(url: stack.redisURL), logger: stack.logger)
    }

    /// Marks until cancelled.
    func run() async {
        while !Task.isCancelled {
            let now = self.record.now
            let next = self.state.withLock { state -> Int? in
                if state.isHeld { return nil }
                state.isWriting = true
                state.marks.append(now)
                return state.marks.count - 1
            }
            guard let mark = next else {
                try? await Task.sleep(for: .milliseconds(20))
                continue
            }
            _ = try? await self.redis.send(RedisCommand("SET", Self.key, "\(mark)"), timeout: .seconds(1))
            let size = self.appendOnlyFile()
            self.state.withLock { state in
                state.isWriting = false
                if let file = size {
                    state.sizes.append(Size(at: now, path: file.path, bytes: file.bytes))
                    if state.sizes.count > 200 { state.sizes.removeFirst(100) }
                }
            }
            try? await Task.sleep(for: .milliseconds(100))
        }
        await self.redis.close()
    }

    /// Writes no mark until `release`; returns when none is on its way. Or a mark from after a restart would be read.
    func hold() async {
        self.state.withLock { $0.isHeld = true }
        while self.state.withLock({ $0.isWriting }) { try? await Task.sleep(for: .milliseconds(10)) }
    }

    func release() { self.state.withLock { $0.isHeld = false } }

    /// Redis was emptied: a missing mark says nothing of a restart.
    func emptied() { self.state.withLock { $0.firstMark = $0.marks.count } }

    /// The moment that a restarted Redis has come back to, at the earliest: what was done before is there.
    func survived() async throws -> Duration {
        let reply = try await self.stack.client.index.redis.send(RedisCommand("GET", Self.key))
        return self.state.withLock { state in
            let mark = reply.string.flatMap { Int($0) } ?? state.firstMark
            return state.marks.indices.contains(mark) ? state.marks[mark] : .zero
        }
    }

    /// Cuts off what the stopped Redis wrote in its last seconds.
    ///
    /// - Returns: How many bytes that was.
    func cutTail(_ seconds: Duration) throws -> Int {
        guard let file = self.appendOnlyFile() else { throw ProofFailure("Redis has no append-only file") }
        let sizes = self.state.withLock { $0.sizes.filter { $0.path == file.path } }
        guard let last = sizes.last, let size = sizes.last(where: { $0.at <= last.at - seconds }) ?? sizes.first,
            size.bytes < file.bytes
        else { return 0 }
        guard truncate(file.path, off_t(size.bytes)) == 0 else {
            throw ProofFailure("cannot cut \(file.path): errno \(errno)")
        }
        return file.bytes - size.bytes
    }

    /// Redis 7 keeps a directory of files, of which the last grows; older ones a single file.
    private func appendOnlyFile() -> (path: String, bytes: Int)? {
        let data = "\(self.stack.redis.directory)/data"
        let parts = FileSystem.names(in: "\(data)/appendonlydir").filter { $0.hasSuffix(".incr.aof") }
        let newest = parts.max { ($0.utf8.count, $0) < ($1.utf8.count, $1) }
        let path = newest.map { "\(data)/appendonlydir/\($0)" } ?? "\(data)/appendonly.aof"
        var info = stat()
        guard stat(path, &info) == 0 else { return nil }
        return (path, Int(info.st_size))
    }
}
