// Answers of scripts that are not of the shape that they always have: each is refused with the script's name and the
// rule.

import JobModel
import Redis
import Testing

@testable import JobQueue

/// One script's answers.
private struct Answers: Sendable {
    let script: RedisScript
    /// What it does answer.
    let sound: [RedisValue]
    /// What it never does.
    let broken: [RedisValue]
    let read: @Sendable (ScriptReply) throws -> Void

    /// What no script of ours answers, whatever its rule.
    static let foreign: [RedisValue] = [
        .null, .status("QUEUED"), .array([.null]), .array([.error(RedisServerError(message: "ERR inside"))]),
        .array([.array([]), .array([])]),
    ]
}

@Suite("Answers of scripts")
struct ScriptReplyTests {
    private static func text(_ text: String) -> RedisValue { .bytes(Array(text.utf8)) }
    private static let id = RedisValue.bytes(JobID.mint().uuid.bytes)
    private static let none = RedisValue.array([])
    private static let one = RedisValue.integer(1)

    private static var all: [Answers] {
        [
            Answers(
                script: DispatchIndex.Script.pushDurable, sound: [.integer(0), .integer(7)],
                broken: [.integer(-1), text("many"), none], read: { _ = try $0.int("count") }),
            Answers(
                script: DispatchIndex.Script.takeTurn, sound: [.integer(0), .integer(1)], broken: [none, text("")],
                read: { _ = try $0.int("turn") }),
            Answers(
                script: DispatchIndex.Script.pushFast, sound: [text(""), .bytes(Array(repeating: 1, count: 32))],
                broken: [text("short"), .integer(1), none], read: { _ = try $0.keyHolder() }),
            Answers(
                script: DispatchIndex.Script.claim,
                sound: [
                    .array([text("gone")]), .array([text("empty"), .integer(-1), .integer(0), text(""), none]),
                    .array([text("more"), .integer(5), .integer(2), id, .array([text("key")]), text("entry")]),
                    .array([text("damaged"), .integer(-1), .integer(0), text(""), .array([text("key")])]),
                ],
                broken: [
                    none, .array([text("ajar"), .integer(-1), .integer(0), text(""), none]), .array([text("more")]),
                    .array([text("more"), text("soon"), .integer(0), text(""), none]),
                    .array([text("more"), .integer(5), .integer(-2), text(""), none]),
                    .array([text("more"), .integer(5), .integer(0), text("seventeen bytes!!"), none]),
                    .array([text("more"), .integer(5), .integer(0), text(""), text("")]),
                    .array([text("more"), .integer(5), .integer(0), text(""), none, .integer(3)]),
                    .array([text("more"), .integer(5), .integer(0), text(""), none, .null]),
                    // As the version before answered.
                    .array([text("more"), .integer(5), .integer(0), text("")]),
                ],
                read: { _ = try $0.claim(of: "q") }),
            Answers(
                script: DispatchIndex.Script.claimQuarantined,
                sound: [.array([text("empty"), .integer(-1), .integer(0), text(""), none])],
                broken: [none, .array([text("empty"), .integer(-1), .integer(0), .null, none])],
                read: { _ = try $0.claim(of: "q") }),
            Answers(
                script: DispatchIndex.Script.settleFast, sound: [none, .array([id])],
                broken: [.array([text("short")]), .array([one]), .integer(0)], read: { _ = try $0.ids("fenced") }),
            Answers(
                script: DispatchIndex.Script.decideDead, sound: [none, .array([id, id])],
                broken: [.array([id, .null]), text("")], read: { _ = try $0.ids("decided") }),
            Answers(
                script: DispatchIndex.Script.takeBack, sound: [.array([one, one, text("")]), .array([one, one, id])],
                broken: [
                    .array([one, one]), .array([one, .integer(-1), text("")]), .array([one, one, text("x")]), one,
                ],
                read: { _ = try $0.takenBack() }),
            Answers(
                script: DispatchIndex.Script.beat,
                sound: [.array([.integer(0), .integer(0), text("")]), .array([one, one, text("4"), .integer(99)])],
                broken: [
                    .array([one, one, text("4")]), .array([one, one, text("4"), text("now")]),
                    .array([text("yes"), one, text("4"), one]), .array([one, one, .null, one]), one,
                ],
                read: { _ = try $0.heartbeat() }),
            Answers(
                script: DispatchIndex.Script.audit,
                sound: [
                    .array(Array(repeating: .integer(0), count: 7)),
                    .array(Array(repeating: .integer(3), count: 7) + [text("a fault")]),
                ],
                broken: [
                    .array(Array(repeating: .integer(0), count: 6)), .array(Array(repeating: .integer(-1), count: 7)),
                    .array(Array(repeating: .integer(0), count: 7) + [one]),
                ],
                read: { _ = try $0.audit() }),
        ]
    }

    @Test("an answer of another shape is an error that names the script and the rule, and is not used")
    func broken() throws {
        for answers in Self.all {
            for value in answers.broken + Answers.foreign {
                let error = #expect(throws: JobQueueError.self, "\(answers.script.name) \(value)") {
                    try answers.read(ScriptReply(answers.script, value))
                }
                #expect(error?.code == .corrupt)
                #expect(error?.message.hasPrefix("\(answers.script.name).lua answered what it never does: ") == true)
                #expect(error?.message.contains("must") == true)
                // Of one queue: the others are asked on.
                #expect(error?.isOfOneQueue == true)
            }
        }
    }

    @Test("what the scripts do answer is read")
    func sound() throws {
        for answers in Self.all {
            for value in answers.sound {
                #expect(throws: Never.self, "\(answers.script.name) \(value)") {
                    try answers.read(ScriptReply(answers.script, value))
                }
            }
        }
    }

    @Test("every script's answer is read by these rules, or is not read at all")
    func everyScript() {
        // These answer 1, whatever happens, and nobody looks.
        let unread: Set = ["set_queue_state", "forget_session", "note_death", "add_counters"]
        let read = Set(Self.all.map(\.script.name))
        #expect(read.isDisjoint(with: unread))
        #expect(read.union(unread).count == 14)
    }
}
