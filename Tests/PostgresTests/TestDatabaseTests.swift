// How tests get their databases: how many at once, in which order, and what becomes of those who do not wait.

import Logging
import Postgres
import TestSupport
import Testing

@Suite("A semaphore") struct AsyncSemaphoreTests {
    /// How many are inside now, and how many there were at the most.
    private actor Room {
        private var inside = 0
        private(set) var most = 0
        private(set) var visits: [Int] = []

        func enter(_ visitor: Int) {
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.visits.append(visitor)
        }

        func leave() { self.inside -= 1 }
    }

    @Test("lets as many in as it has places")
    func bound() async throws {
        let semaphore = AsyncSemaphore(places: 3)
        let room = Room()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for visitor in 0..<50 {
                group.addTask {
                    try await semaphore.acquire()
                    await room.enter(visitor)
                    await Task.yield()
                    await room.leave()
                    semaphore.release()
                }
            }
            try await group.waitForAll()
        }
        let most = await room.most
        #expect((1...3).contains(most))
        #expect(await room.visits.count == 50)
        #expect(semaphore.waiting == 0)
    }

    @Test("lets them in as they came, and forgets those whose task is cancelled")
    func order() async throws {
        let semaphore = AsyncSemaphore(places: 1)
        let room = Room()
        try await semaphore.acquire()
        // Owned by this test, which waits for all of them.
        var visitors: [Task<Void, any Error>] = []
        for visitor in 0..<4 {
            visitors.append(
                Task {
                    try await semaphore.acquire()
                    await room.enter(visitor)
                    semaphore.release()
                })
            try await eventually("visitor \(visitor) waits") { semaphore.waiting == visitor + 1 }
        }
        visitors[1].cancel()
        await #expect(throws: CancellationError.self) { try await visitors[1].value }
        #expect(semaphore.waiting == 3)
        semaphore.release()
        for visitor in [0, 2, 3] { try await visitors[visitor].value }
        #expect(await room.visits == [0, 2, 3])
        // The place is free again.
        try await semaphore.acquire()
    }

    @Test("gives no place to a task that was cancelled before it asked")
    func cancelledBefore() async throws {
        let semaphore = AsyncSemaphore(places: 1)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await semaphore.acquire()
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        try await semaphore.acquire()
    }
}

@Suite("A lent database", .timeLimit(.minutes(20))) struct TestDatabaseTests {
    @Test("brings its borrower a second one without waiting, so that borrowers of two do not wait for each other")
    func nested() async throws {
        // More borrowers than places, each of whom needs a second one to end.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<TestDatabase.lentAtOnce + 2 {
                group.addTask {
                    try await TestDatabase.with(.nothing, prefix: "outer_") { outer in
                        try await TestDatabase.with(.nothing, prefix: "inner_") { inner in
                            #expect(outer.name != inner.name)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("is dropped afterwards, with whoever is connected, also when the test fails")
    func dropped() async throws {
        struct Failure: Error {}
        let pool = PostgresPool(logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        let servers = try await TestServers.shared()
        let server = PostgresDatabase(pool: pool, configuration: try PostgresConfiguration(url: servers.databaseURL))
        for fails in [false, true] {
            var name: String?
            do {
                try await TestDatabase.with(.nothing, prefix: #"a "name% "#) { database in
                    name = database.name
                    let database = PostgresDatabase(
                        pool: pool, configuration: try PostgresConfiguration(url: database.url))
                    #expect(try await database.query("SELECT current_database()::text")[0].string(at: 0) == name)
                    if fails { throw Failure() }
                }
            } catch is Failure {}
            let left = try await server.query(
                "SELECT FROM pg_database WHERE datname = $1", [.text(try #require(name))])
            #expect(left.isEmpty)
        }
        await pool.close()
    }
}
