// W11: from a sign-up over HTTP until the family is ready, one at a time: `chorewheel serve` takes it, a worker of
// `chorewheel work` provisions it.

internal import LocalServers
internal import Postgres
internal import Processes
internal import Tenancy

/// Measures sign-ups.
struct SignUpMeasurement {
    let queue: OurQueue
    let program: ChorewheelProgram
    let signUps: Int
    /// URL of the server.
    let server: String

    private static let warmUp = 2

    func figures() async throws -> [String: Figure] {
        try await self.prepare()
        let port = try LoopbackPort.choose(rememberedIn: "\(self.queue.directory)/port")
        let api = try self.program.startAPI(port: port)
        let workers: ChildProcess
        do {
            workers = try self.program.startWorkers(processes: 1, concurrency: 8)
        } catch {
            await api.stop(grace: .seconds(1))
            throw error
        }
        let samples: [Double]
        do {
            samples = try await self.samples(port: port, [api, workers])
            try await self.check()
        } catch {
            await Self.stop([api, workers])
            try await self.takeAway()
            throw error
        }
        await Self.stop([api, workers])
        try await self.takeAway()
        return MeasureCommand.rate(jobs: self.signUps, settled: self.signUps, samples.reduce(0, +))
            .adding(MeasureCommand.latencies(samples))
    }

    /// What `chorewheel dev` does to a new platform: families' roles see their own database only, and there is a server
    /// to place families on.
    private func prepare() async throws {
        for database in [self.queue.platform.configuration.database, "postgres", "template1"] {
            try await self.queue.server.query(
                "REVOKE CONNECT, TEMPORARY ON DATABASE \(quoteIdentifier(database)) FROM PUBLIC")
        }
        try await Tenancy(
            platform: self.queue.platform, secrets: SecretBox(keys: ChorewheelProgram.secretKeys),
            familyMigrations: "migrations/family"
        ).bootstrap()
    }

    private func samples(port: UInt16, _ processes: [ChildProcess]) async throws -> [Double] {
        try await self.queue.wait(processes, every: .milliseconds(20)) {
            guard try await self.queue.workerCount() == 1 else { return false }
            do {
                return try LoopbackHTTP(port: port, token: ChorewheelProgram.token).send("GET", "/readyz") == 200
            } catch is BenchFailure {
                return false
            }
        }
        let http = try LoopbackHTTP(port: port, token: ChorewheelProgram.token)
        var samples: [Double] = []
        for number in 0..<Self.warmUp + self.signUps {
            let body = """
                {"slug":"bench-\(number)","name":"Bench \(number)","owner_email":"owner\(number)@example.test"}
                """
            let start = Board.now()
            let status = try http.send("POST", "/v1/families", body: body)
            guard status == 202 else { throw BenchFailure("sign-up \(number) was answered by \(status)") }
            try await self.queue.wait(processes, every: .milliseconds(1)) { try await self.isReady(number) }
            samples.append(Board.now() - start)
        }
        return Array(samples.dropFirst(Self.warmUp))
    }

    /// The route is recorded in the commit that settles the job.
    private func isReady(_ number: Int) async throws -> Bool {
        try await !self.queue.platform.query(
            "SELECT 1 FROM families WHERE slug = $1 AND status = 'trial' AND db_user IS NOT NULL",
            [.text("bench-\(number)")]
        ).isEmpty
    }

    /// As the floor checks it.
    private func check() async throws {
        let ready = try await self.queue.count(
            """
            SELECT count(*) FROM families f JOIN jobs j ON j.payload ->> 'family_id' = f.id::text
            WHERE f.status = 'trial' AND f.db_user IS NOT NULL AND j.state = 'succeeded' AND j.attempt = 1
            """)
        guard ready == Self.warmUp + self.signUps else {
            throw BenchFailure("\(ready) of \(Self.warmUp + self.signUps) families are ready")
        }
    }

    private func takeAway() async throws {
        let families = try await self.queue.platform.query(
            "SELECT db_name, db_user FROM families WHERE db_name IS NOT NULL AND db_user IS NOT NULL")
        for family in families {
            let (database, role) = (try family.string(at: 0), try family.string(at: 1))
            try await self.queue.server.query("DROP DATABASE IF EXISTS \(quoteIdentifier(database)) WITH (FORCE)")
            try await self.queue.server.query("DROP ROLE IF EXISTS \(quoteIdentifier(role))")
        }
    }

    private static func stop(_ processes: [ChildProcess]) async {
        for process in processes { process.requestStop(grace: .seconds(10)) }
        for process in processes { _ = await process.wait() }
    }
}
