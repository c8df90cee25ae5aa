// The parts that are values: command lines, messages, a child's life, the choice among PostgreSQLs.

import Testing

@testable import LocalServers
@testable import Processes

@Suite("Values of the leash")
struct LeashValueTests {
    @Test("a command line reads back as what it was written from")
    func roundTrip() throws {
        var plain = LeashArguments(command: ["sleep", "--", "1"])
        #expect(try LeashArguments(parsing: plain.words) == plain)
        plain.control = true
        plain.user = "nobody"
        plain.directory = "/tmp/a b"
        plain.lock = "/tmp/lock"
        plain.stopSignal = .quit
        plain.grace = .milliseconds(1500)
        plain.orphanGrace = .seconds(2)
        plain.orphanHurry = .milliseconds(100)
        plain.awaitLocks = ["/tmp/one", "/tmp/two"]
        plain.removeDirectories = ["/tmp/chorewheel-x"]
        #expect(try LeashArguments(parsing: plain.words) == plain)
    }

    @Test(
        "a wrong command line is refused",
        arguments: [
            [], ["--"], ["--grace"], ["--grace", "-1", "--", "true"], ["--grace", "nan", "--", "true"],
            ["--stop-signal", "KILL", "--", "true"], ["--unknown", "--", "true"], ["true"],
        ])
    func refused(words: [String]) {
        let error = #expect(throws: ProcessError.self) { try LeashArguments(parsing: words) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("messages survive being cut into pieces")
    func messages() {
        let orders: [LeashOrder] = [.signal(9), .stop(signal: 15, graceMilliseconds: 0)]
        let reports: [LeashReport] = [.started(7), .failed("no such file"), .ended(.exited(3)), .ended(.signalled(9))]
        var splitter = LineSplitter()
        var lines: [Substring] = []
        for byte in (orders.map(\.line) + reports.map(\.line)).joined().utf8 { lines += splitter.lines(adding: [byte]) }
        #expect(lines.prefix(2).map { LeashOrder(line: $0) } == orders)
        #expect(lines.dropFirst(2).map { LeashReport(line: $0) } == reports)
        for line in ["", "signal", "signal x", "stop 15", "stop 15 -1", "started", "exited x", "unknown 1"] {
            #expect(LeashOrder(line: line[...]) == nil)
            #expect(LeashReport(line: line[...]) == nil)
        }
    }

    @Test("a line break in a failure does not become a second message")
    func lineBreak() {
        #expect(LeashReport.failed("one\nexited 0").line == "failed one exited 0\n")
    }

    @Test("a child's life ends once, whatever is said afterwards")
    func life() {
        let all: [ChildLife] = [
            .starting, .running(7), .failed("why", .exited(126)), .ended(7, .exited(3)),
        ]
        let afterStart: [ChildLife] = [.running(7), .running(7), all[2], all[3]]
        let afterFailure: [ChildLife] = [.failed("x", .exited(126)), .running(7), all[2], all[3]]
        let afterEnd: [ChildLife] = [.starting, .ended(7, .exited(0)), all[2], all[3]]
        let afterLeash: [ChildLife] = [
            .failed("the leash exited with 1 before the command ran", .exited(1)), .ended(7, .exited(1)),
            .failed("why", .exited(1)), all[3],
        ]
        func applying(_ change: (inout ChildLife) -> Void) -> [ChildLife] {
            all.map { life in
                var life = life
                change(&life)
                return life
            }
        }
        #expect(applying { $0.receive(.started(7)) } == afterStart)
        #expect(applying { $0.receive(.failed("x")) } == afterFailure)
        #expect(applying { $0.receive(.ended(.exited(0))) } == afterEnd)
        #expect(applying { $0.leashEnded(.exited(1)) } == afterLeash)
    }
}

@Suite("The choice among PostgreSQLs")
struct ServerProgramTests {
    private let old = ServerPrograms.Postgres(directory: "/14", majorVersion: 14)
    private let middle = ServerPrograms.Postgres(directory: "/15", majorVersion: 15)
    private let new = ServerPrograms.Postgres(directory: "/17", majorVersion: 17)
    private let unknown = ServerPrograms.Postgres(directory: "/path", majorVersion: nil)

    @Test("takes the newest that is not too old, and PATH's only when there is no other")
    func newest() {
        #expect(ServerPrograms.choose(among: [unknown, old, new, middle], version: nil) == new)
        #expect(ServerPrograms.choose(among: [old, unknown], version: nil) == unknown)
        #expect(ServerPrograms.choose(among: [old], version: nil) == nil)
    }

    @Test("stays with the version that made the data")
    func bound() {
        #expect(ServerPrograms.choose(among: [old, new, middle], version: 15) == middle)
        #expect(ServerPrograms.choose(among: [old, new], version: 15) == nil)
    }
}
