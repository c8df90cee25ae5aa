// The HTTP API on a machine whose clock is wrong: what is due at a time is due then, by PostgreSQL's clock.

internal import AsyncHTTPClient
internal import JobModel
internal import JobQueue
internal import NIOCore
internal import NIOHTTP1
internal import Postgres
internal import Processes
internal import QueueTestSupport
internal import TestSupport

struct ClockedAPI: Sendable {
    let programs: ClockedPrograms

    /// Enqueues jobs that are due at a time of the ledger's clock, one by one and as a batch, by an API whose clock is
    /// an hour ahead and by one whose clock is an hour behind.
    ///
    /// - Returns: The jobs; and the time, as RFC 3339.
    func enqueue(dueIn seconds: Int) async throws -> (jobs: [JobID], due: String) {
        let rows = try await self.programs.queue.platform.query(
            """
            SELECT to_char((clock_timestamp() + make_interval(secs => $1)) AT TIME ZONE 'UTC',
                'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            """, [.int(seconds)])
        let due = try rows[0].string(at: 0)
        var jobs: [JobID] = []
        for clock in [WorkerClock.hourAhead, .hourBehind] {
            let log = self.programs.log("serve-\(clock)")
            let api = try self.programs.spawn(clock, ["serve", "--port", "0"], log: log)
            do {
                let port = try await self.port(in: log)
                let job = #"{"kind": "diagnostic.effect", "due_at": "\#(due)"}"#
                jobs += try await self.post(job, to: "http://127.0.0.1:\(port)/v1/jobs")
                jobs += try await self.post(
                    #"{"jobs": [\#(job), \#(job)]}"#, to: "http://127.0.0.1:\(port)/v1/jobs/batch")
            } catch {
                await api.stop(grace: .seconds(1))
                throw ProofFailure("the API whose clock is \(clock.words): \(error)")
            }
            await api.stop()
        }
        return (jobs, due)
    }

    /// It says where it listens.
    private func port(in log: String) async throws -> Int {
        var port: Int?
        for _ in 0..<600 where port == nil {
            try await Task.sleep(for: .milliseconds(100))
            let lines = (try FileSystem.text(of: log) ?? "").split(separator: "\n")
            port = lines.first { $0.contains("the API is listening") }?
                .split(separator: " ").first { $0.hasPrefix("port=") }.flatMap { Int($0.dropFirst(5)) }
        }
        guard let port else { throw ProofFailure("it does not listen: \(FileSystem.lastLines(5, of: log))") }
        return port
    }

    private func post(_ body: String, to url: String) async throws -> [JobID] {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer \(ClockedPrograms.token)")
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(Array(body.utf8))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(15))
        let bytes = Array(try await response.body.collect(upTo: 65_536).readableBytesView)
        guard response.status == .created else {
            throw ProofFailure("\(response.status) \(String(decoding: bytes, as: UTF8.self))")
        }
        if let one = try? JSONText.decode(Enqueued.self, from: bytes) { return [one.id] }
        return try JSONText.decode(EnqueuedBatch.self, from: bytes).jobs.map(\.id)
    }

    private struct Enqueued: Decodable { let id: JobID }
    private struct EnqueuedBatch: Decodable { let jobs: [Enqueued] }
}
