// Errors become exit codes and messages; command lines become commands or usage errors.

import ArgumentParser
import ControlPlane
import JobModel
import JobQueue
import Postgres
import Processes
import Redis
import Tenancy
import Testing
import WorkerRuntime

@testable import chorewheel

@Suite struct FailureTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let error: any Error
        let exit: Sysexit
        var testDescription: String { "\(self.error) → \(self.exit)" }

        init(_ error: any Error, _ exit: Sysexit) {
            self.error = error
            self.exit = exit
        }
    }

    static let cases: [Case] = [
        Case(JobQueueError(.invalid, field: "payload", "must be JSON"), .data),
        Case(JobQueueError(.conflict, field: "idempotency_key", "was used"), .data),
        Case(JobQueueError(.notFound, "there is no job"), .notFound),
        Case(JobQueueError(.notPossible, field: "state", "it runs"), .data),
        Case(JobQueueError(.unavailable, "away"), .unavailable),
        Case(JobQueueError(.unsafeRedis, "evicts"), .configuration),
        Case(JobQueueError(.corrupt, "what is this"), .software),
        Case(JobQueueError(ledger: PostgresError(.connectionFailed, "refused")), .unavailable),
        Case(
            JobQueueError(ledger: PostgresError(.server, "no relation", sqlState: .undefinedTable)), .configuration),
        Case(TenancyError(.invalid, field: "slug", "is a reserved name"), .data),
        Case(TenancyError(.taken, field: "slug", "is taken"), .data),
        Case(TenancyError(.notFound, "no family"), .notFound),
        Case(TenancyError(.fleetFull, "full"), .temporary),
        Case(TenancyError(.secret, "no key"), .configuration),
        Case(TenancyError(.migrationFile, "no directory"), .configuration),
        Case(TenancyError(.drifted, "by hand"), .data),
        Case(TenancyError(.unproven, "not yet"), .temporary),
        Case(InvalidSetting(field: "redis.url", rule: "must be set"), .configuration),
        Case(PostgresError(.connectionFailed, "refused"), .unavailable),
        Case(PostgresError(.connectionFailed, "password", sqlState: .invalidPassword), .noPermission),
        Case(PostgresError(.connectionFailed, "no database", sqlState: .invalidCatalogName), .configuration),
        Case(PostgresError(.connectionLost, "gone"), .unavailable),
        Case(PostgresError(.timeout, "slow"), .unavailable),
        Case(PostgresError(.poolExhausted, "full"), .temporary),
        Case(PostgresError(.cancelled, "cut"), .temporary),
        Case(PostgresError(.invalidConfiguration, "host"), .configuration),
        Case(PostgresError(.server, "denied", sqlState: .insufficientPrivilege), .noPermission),
        Case(PostgresError(.server, "deadlock", sqlState: .deadlockDetected), .temporary),
        Case(PostgresError(.server, "check", sqlState: .checkViolation), .data),
        Case(PostgresError(.server, "syntax", sqlState: .syntaxError), .software),
        Case(PostgresError(.decoding, "column"), .software),
        Case(RedisError(RedisServerError(message: "NOAUTH Authentication required.")), .noPermission),
        Case(RedisError(RedisServerError(message: "LOADING Redis is loading")), .temporary),
        Case(RedisError(RedisServerError(message: "ERR unknown command")), .software),
        Case(ProcessError(.missingProgram, "no postgres"), .unavailable),
        Case(ProcessError(.locked, "by another"), .temporary),
        Case(ValidationError("--count"), .usage),
        Case(CancellationError(), .temporary),
    ]

    @Test(arguments: cases)
    func `each error has its exit code`(_ mapped: Case) {
        #expect(CommandFailure(mapped.error).exit == mapped.exit)
    }

    @Test func `a name that breaks the rule is invalid data, and the field is told`() throws {
        let error = try #require(throws: InvalidName.self) { try JobKind(validating: "NO") }
        let failure = CommandFailure(error)
        #expect(failure.exit == .data)
        #expect(failure.field == "kind")
    }

    @Test func `a message that begins with its field does not say it twice`() {
        let failure = CommandFailure(.data, field: "slug", "slug is taken")
        #expect(failure.report(json: false) == "chorewheel: slug: is taken\n")
    }

    @Test func `in JSON an error has code, field, rule and exit code, on one line`() throws {
        let id = JobID.mint()
        let error = JobQueueError(.conflict, field: "idempotency_key", "was used before", existing: id)
        let report = CommandFailure(error).report(json: true)
        #expect(report.count { $0 == "\n" } == 1)
        let document = try JSONText.decode(JSONValue.self, from: Array(report.utf8))
        #expect(document["error"]?["code"] == .string("invalid"))
        #expect(document["error"]?["field"] == .string("idempotency_key"))
        #expect(document["error"]?["rule"] == .string("was used before"))
        #expect(document["error"]?["exit_code"] == .number(65))
        #expect(document["error"]?["existing_job_id"] == .string(id.description))
    }

    @Test func `an error cannot move the cursor of a terminal`() {
        let report = CommandFailure(.data, "a\u{1B}[2Jb\nc").report(json: false)
        #expect(report == "chorewheel: a\u{FFFD}[2Jb c\n")
    }

    @Test(arguments: [
        ["nonsense"], ["enqueue"], ["enqueue", "k", "--priority", "urgent"], ["enqueue", "k", "--id", "x"],
        ["enqueue", "k", "--count", "0"], ["enqueue", "k", "--count", "2", "--idempotency-key", "a"],
        ["enqueue", "k", "--payload", "{}", "--payload-file", "-"], ["enqueue", "k", "--delay", "-1"],
        ["enqueue", "k", "--delay", "1e300"], ["jobs", "list", "--limit", "1001"], ["jobs", "list", "--state", "lost"],
        ["jobs", "retry"], ["jobs", "retry", "--kind", "k"], ["jobs", "cancel"], ["families", "signup", "--slug", "x"],
        ["migrate", "platform", "--rollback"], ["migrate", "families", "--plan", "--wait"],
        ["queues", "dead", "list"], ["queues", "dead", "list", "q", "--limit", "101"],
        ["queues", "dead", "list", "q", "--offset", "-1"], ["queues", "dead", "retry", "q"],
        ["queues", "dead", "discard", "q"], ["queues", "dead", "discard", "q", "x"],
        ["queues", "dead", "retry", "q", "0195f0a0-0000-7000-8000-000000000002", "--all"],
    ])
    func `a command line that makes no sense is a usage error`(_ arguments: [String]) async throws {
        let failure = try #require(
            await #expect(throws: CommandFailure.self) { _ = try await Chorewheel.parse(arguments) })
        #expect(failure.exit == .usage)
        #expect(failure.usage?.hasPrefix("Usage: chorewheel") == true)
    }

    @Test func `a negative delay is told so, not taken for an option`() async throws {
        let failure = try #require(
            await #expect(throws: CommandFailure.self) {
                _ = try await Chorewheel.parse(["enqueue", "k", "--delay", "-5"])
            })
        #expect(failure.report(json: false).contains("--delay must be 0 to"))
    }

    @Test(arguments: [
        "serve", "work", "dev", "demo", "enqueue", "jobs", "jobs list", "jobs show", "jobs retry", "jobs cancel",
        "queues", "queues list", "queues pause", "queues resume", "queues dead", "queues dead list",
        "queues dead retry", "queues dead discard", "workers", "workers list", "families",
        "families signup", "families list", "families show", "migrate", "migrate platform", "migrate families",
        "migrate status", "doctor",
    ])
    func `every command explains itself`(_ command: String) async throws {
        let arguments = command.split(separator: " ").map(String.init) + ["--help"]
        var help = try await Chorewheel.parse(arguments)
        let error = try #require(throws: (any Error).self) { try help.run() }
        #expect(Chorewheel.exitCode(for: error) == .success)
        #expect(Chorewheel.fullMessage(for: error).contains("USAGE: chorewheel \(command)"))
    }

    @Test func `flags become settings and arguments again`() async throws {
        let arguments = ["--redis-url", "redis://a:1", "--log-level", "debug"]
        let command = try await Chorewheel.parse(["doctor"] + arguments)
        let doctor = try #require(command as? DoctorCommand)
        #expect(doctor.common.arguments == arguments)
        let settings = try await doctor.common.settings(adding: ["chorewheel.concurrency": "3", "x": nil])
        #expect(settings.string("redis.url") == "redis://a:1")
        #expect(settings.string("chorewheel.log.level") == "debug")
        #expect(settings.string("chorewheel.concurrency") == "3")
    }
}
