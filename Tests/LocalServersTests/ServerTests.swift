// The private servers, for real: started, stopped, killed, and started again on their data.

import LocalServers
import TestSupport
import Testing

@testable import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

@Suite("Private servers", .timeLimit(.minutes(20)))
struct ServerTests {
    @Test("keep their data and addresses over kill -9")
    func kill9() async throws {
        let servers = try await TestServers.start()
        try await servers.psql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (41), (1)")
        #expect(try await servers.redisCLI("SET", "kept", "42") == "OK")

        await servers.postgres.kill9()
        await servers.redis.kill9()
        #expect(!servers.postgres.isRunning)
        #expect(!servers.redis.isRunning)
        try await servers.postgres.start()
        try await servers.redis.start()

        #expect(servers.postgres.url == servers.databaseURL)
        #expect(servers.redis.url == servers.redisURL)
        #expect(try await servers.psql("SELECT sum(n) FROM kept") == "42")
        #expect(try await servers.redisCLI("GET", "kept") == "42")

        try await servers.postgres.restart()
        try await servers.redis.restart()
        #expect(try await servers.psql("SELECT sum(n) FROM kept") == "42")
        #expect(try await servers.redisCLI("GET", "kept") == "42")
        await servers.stop()
        #expect(access(servers.directory, F_OK) != 0)
    }

    @Test("run with the durability that we promise")
    func durability() async throws {
        let servers = try await TestServers.shared()
        #expect(try await servers.psql("SHOW fsync") == "on")
        #expect(try await servers.psql("SHOW server_encoding") == "UTF8")
        #expect(try await servers.psql("SHOW max_connections") == "300")
        #expect(try await servers.redisCLI("CONFIG", "GET", "appendonly") == "appendonly\nyes")
        #expect(try await servers.redisCLI("CONFIG", "GET", "appendfsync") == "appendfsync\neverysec")
        #expect(try await servers.redisCLI("CONFIG", "GET", "maxmemory-policy") == "maxmemory-policy\nnoeviction")
    }

    @Test("let nobody in without the password")
    func passwords() async throws {
        let servers = try await TestServers.shared()
        let redis = try await servers.run("redis-cli", ["-p", servers.port(of: servers.redisURL), "PING"])
        #expect(redis.contains("NOAUTH"))
        let port = try servers.port(of: servers.databaseURL)
        let postgres = try await servers.run(
            "psql", ["-w", "-h", "127.0.0.1", "-p", port, "-U", "chorewheel", "postgres"])
        #expect(postgres.contains("no password supplied"))
    }

    @Test("stand still while paused, and go on afterwards")
    func pause() async throws {
        let servers = try await TestServers.start()
        try servers.postgres.pause()
        try servers.redis.pause()
        #if os(Linux)
        for pid in [try await servers.postgres.processID(), try await servers.redis.processID()] {
            try await eventually("process \(pid) is suspended") { stateLetter(of: pid) == "T" }
        }
        #endif
        try servers.postgres.resume()
        try servers.redis.resume()
        #expect(try await servers.psql("SELECT 1") == "1")
        #expect(try await servers.redisCLI("PING") == "PONG")
        await servers.stop()
    }

    @Test("are one pair however many ask at once")
    func shared() async throws {
        let directories = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { try await TestServers.shared().directory } }
            var all: Set<String> = []
            for try await directory in group { all.insert(directory) }
            return all
        }
        #expect(directories.count == 1)
    }

    @Test("take another port when theirs was taken meanwhile")
    func portTaken() async throws {
        let servers = try await TestServers.start()
        let port = try #require(UInt16(servers.port(of: servers.redisURL)))
        await servers.redis.stop()
        let listener = try Listener(port: port)
        try await servers.redis.start()
        #expect(servers.redis.url != servers.redisURL)
        #expect(listener.descriptor >= 0)
        await servers.stop()
    }

    @Test("say in the error what their log says when they do not start")
    func failedStart() async throws {
        let scratch = try ScratchDirectory()
        var configuration = LocalRedis.Configuration()
        configuration.settings["appendfsync"] = "sometimes"
        let redis = try LocalRedis(
            directory: "\(scratch.path)/redis", configuration: configuration, leash: BuiltExecutable.path())
        let error = await #expect(throws: ProcessError.self) { try await redis.start() }
        #expect(error?.code == .startFailed)
        #expect(error?.message.contains("sometimes") == true)
        #expect(!redis.isRunning)
    }

    @Test("refuse to start twice")
    func twice() async throws {
        let servers = try await TestServers.shared()
        let error = await #expect(throws: ProcessError.self) { try await servers.redis.start() }
        #expect(error?.code == .wrongState)
        #expect(try await servers.redisCLI("PING") == "PONG")
    }

    @Test(
        "of a directory that the server's user cannot reach live elsewhere",
        .enabled(if: geteuid() == 0, "needs root"))
    func unreachable() async throws {
        let scratch = try ScratchDirectory()
        try #require(chmod(scratch.path, 0o700) == 0)
        let postgres = try await LocalPostgres.start(
            directory: "\(scratch.path)/postgres", configuration: .forTests, leash: BuiltExecutable.path())
        let home = try #require(postgres.socketDirectory)
        #expect(home.hasPrefix("/var/tmp/chorewheel-"))
        await postgres.stop()
        let remover = try Subprocess("/bin/rm", ["-rf", home])
        remover.wait()
    }
}

@Suite("The lock on a directory")
struct DirectoryLockTests {
    @Test("refuses a second holder, naming the first, until it is released")
    func second() throws {
        let scratch = try ScratchDirectory()
        let first = try DirectoryLock.acquire(directory: scratch.path)
        let error = #expect(throws: ProcessError.self) { try DirectoryLock.acquire(directory: scratch.path) }
        #expect(error?.code == .locked)
        #expect(error?.message.contains("process \(getpid())") == true)
        first.release()
        let second = try DirectoryLock.acquire(directory: scratch.path)
        second.release()
    }
}
