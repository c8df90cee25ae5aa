// A queue of its own for each kind of damage to Redis, all of them served by one worker: what is done by hand, what has
// to stand still then, what the doctor has to name, and what a person does about it.

import JobModel
import JobQueue
import QueueTestSupport
import Redis
import WorkerKit

/// Where one job of a queue waits.
enum Place: String, CaseIterable, Sendable {
    /// Of the family whose lane is damaged; of another; of a higher priority than all of these.
    case durableHit, durableOther, durableHigh
    case fastHit, fastOther, fastHigh
    /// Due a moment later.
    case fastLater

    var isFast: Bool { [.fastHit, .fastOther, .fastHigh, .fastLater].contains(self) }
}

/// One kind of damage.
struct DamagedQueue: Sendable {
    let name: QueueName
    /// Commands, whose arguments may hold any byte: `%BASE` is the queue's, `%POOL` the pool's.
    var damage: [[[UInt8]]] = []
    /// Enqueueing there fails.
    var refused: Set<Place> = []
    /// Enqueued there, and not run until mended.
    var stands: Set<Place> = []
    /// Of those, what no mending brings back.
    var lost: Set<Place> = []
    /// What a finding of the doctor about this queue has to say.
    var named: [String] = []
    /// How many entries are among the dead then.
    var dead = 0
    /// What a person does.
    var mending: [[[UInt8]]] = []

    static let hit = FamilyID(text: "01900000-0000-7000-8000-0000000000aa")
    static let other = FamilyID(text: "01900000-0000-7000-8000-0000000000bb")
    /// A session that nobody knows.
    static let stranger = SessionID(text: "01900000-0000-7000-8000-0000000000cc")
}

extension UUIDIdentifier {
    fileprivate init(text: String) {
        guard let id = Self(text) else { preconditionFailure("\(text) is no UUID") }
        self = id
    }
}

/// A command of texts and bytes.
func command(_ parts: [UInt8]...) -> [[UInt8]] { parts }

extension [UInt8] {
    init(text: String) { self = Array(text.utf8) }
}

extension DamagedQueue {
    private static func t(_ text: String) -> [UInt8] { Array(text.utf8) }
    private static func key(_ name: String, _ rest: [UInt8] = []) -> [UInt8] { t("%BASE:\(name)") + rest }
    private static func delete(_ name: String, _ rest: [UInt8] = []) -> [[UInt8]] {
        command(t("RENAME"), key(name, rest), key("damaged:\(name)", rest))
    }
    private static func set(_ name: String, _ rest: [UInt8] = []) -> [[UInt8]] {
        command(t("SET"), key(name, rest), t("garbage"))
    }

    /// An entry as this version writes them, of this queue's handler.
    private static func entry(_ word: String, version: UInt8 = 1) -> [UInt8] {
        let kind = t("test.fast_damage")
        return [version, 0, 0, UInt8(ascii: "1"), 3, 0] + JobID.mint().uuid.bytes + [UInt8(kind.count)] + kind + [1]
            + t(#"{"word":"\#(word)"}"#)
    }

    private static let normal: Set<Place> = [.durableHit, .durableOther, .fastHit, .fastOther, .fastLater]

    /// Every kind.
    static func all() -> [DamagedQueue] {
        let ofHit = hit.uuid.bytes
        let cut = Array(entry("cut").prefix(11))
        return [
            DamagedQueue(name: "healthy"),
            DamagedQueue(
                name: "durable_lane", damage: [set("d:1:", ofHit)], stands: [.durableHit],
                named: [":d:1:", "is a string and must be a zset", "RENAME"], mending: [delete("d:1:", ofHit)]),
            DamagedQueue(
                name: "fast_lane", damage: [set("f:1:", ofHit)], refused: [.fastHit],
                named: [":f:1:", "is a string and must be a list"], mending: [delete("f:1:", ofHit)]),
            DamagedQueue(
                name: "ring", damage: [set("ring:1")], refused: [.fastHit, .fastOther],
                stands: [.durableHit, .durableOther, .fastLater], named: [":ring:1", "must be a list"],
                mending: [delete("ring:1")]),
            DamagedQueue(
                name: "due", damage: [set("due")], refused: [.fastLater], named: [":due", "must be a zset"],
                mending: [delete("due")]),
            DamagedQueue(
                name: "quarantine", damage: [set("quarantine")], named: [":quarantine", "must be a zset"],
                mending: [delete("quarantine")]),
            DamagedQueue(
                name: "dead", damage: [set("dead")], named: [":dead", "must be a zset"], mending: [delete("dead")]),
            DamagedQueue(
                name: "graves", damage: [command(t("LPUSH"), key("graves"), t("x"))],
                named: [":graves", "is a list and must be a hash"], mending: [delete("graves")]),
            DamagedQueue(
                name: "wake", damage: [command(t("DEL"), key("wake")), set("wake")],
                named: [":wake", "must be a list"],
                mending: [delete("wake")]),
            DamagedQueue(
                name: "turn", damage: [command(t("HSET"), key("turn"), t("a"), t("b"))],
                named: [":turn", "is a hash and must be a string"], mending: [delete("turn")]),
            DamagedQueue(
                name: "state", damage: [command(t("DEL"), key("state")), set("state")], stands: Set(Place.allCases),
                named: [":state", "must be a hash"], mending: [delete("state")]),
            DamagedQueue(
                name: "state_word",
                damage: [command(t("HSET"), key("state"), t("is"), t("ajar"), t("version"), t("99"))],
                stands: Set(Place.allCases), named: [":state", "ajar"],
                mending: [command(t("DEL"), key("state"))]),
            DamagedQueue(
                name: "running", damage: [set("run:%SESSION")], stands: Set(Place.allCases),
                named: [":run:", "must be a hash"], mending: [delete("run:%SESSION")]),
            DamagedQueue(
                name: "entries",
                damage: [
                    command(t("RPUSH"), key("f:1:"), t("x"), cut, entry("newer", version: 2), entry("ok")),
                    command(t("RPUSH"), key("ring:1"), t("f")),
                    command(t("ZADD"), key("due"), t("1"), t("garbage"), t("1"), cut + [0]),
                    command(t("ZADD"), key("quarantine"), t("1"), t("fgarbage"), t("2"), t("dshort")),
                ], dead: 7),
            DamagedQueue(
                name: "ids",
                damage: [
                    command(
                        t("ZADD"), key("d:1:"), t("1"), t("short"), t("2"), t("elevenbytes"), t("3.5"),
                        JobID.mint().uuid.bytes, t("4"), JobID.mint().uuid.bytes),
                    command(t("RPUSH"), key("ring:1"), t("d")),
                ], dead: 2),
            DamagedQueue(
                name: "ring_members",
                damage: [command(t("RPUSH"), key("ring:1"), t("zzz"), t("d") + ofHit, t("f"), t(""))]),
            DamagedQueue(
                name: "stranger",
                damage: [
                    command(
                        t("HSET"), key("run:") + stranger.uuid.bytes, JobID.mint().uuid.bytes,
                        t("f") + entry("stranger"), t("odd"), t("odd"))
                ], named: [":run:", "the ledger has no such session", "ZADD"], dead: 0,
                mending: [command(t("ZADD"), t("%POOL:sessions"), t("NX"), t("0"), stranger.uuid.bytes)]),
            DamagedQueue(
                name: "newer", damage: [command(t("SET"), key("future:thing"), t("1"))],
                named: [":future:thing", "no key that this version writes"],
                mending: [command(t("DEL"), key("future:thing"))]),
        ]
    }
}
