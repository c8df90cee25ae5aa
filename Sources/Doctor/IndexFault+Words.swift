// What is wrong in Redis, in words, and what to do about it there. Pure.

internal import JobModel
internal import JobQueue

extension IndexDamage {
    /// A sentence that names the key and what is wrong with it.
    var what: String { "\(self.key): \(self.fault.words)" }

    /// What to do.
    var remedy: String {
        let key = self.key
        switch self.fault {
        case .unknownKey:
            return "is a newer chorewheel at work? use its doctor; else see who writes here, and delete the key"
        case .wrongType(_, _, let aside, let comesBack):
            return "put it aside, RENAME \"\(key)\" \"\(aside)\" in redis-cli; "
                + (comesBack
                    ? "what the ledger knows is back within 30 s"
                    : "what it held before is lost to the queue, unless you have a copy")
        case .putAside: return "look at it, then DEL it in redis-cli"
        case .keptUnread: return "look at them: LRANGE 0 -1 in redis-cli; then DEL the key"
        case .noLane(let member): return "LREM \"\(key)\" 0 \"\(member)\" in redis-cli"
        case .unlistedLane(_, _, isDurable: true): return "a living worker lists it again within 30 s; is one alive?"
        case .unlistedLane(let ring, let member, isDurable: false):
            return "RPUSH \"\(ring)\" \"\(member)\" in redis-cli"
        case .noID(let member, _):
            return "ZREM \"\(key)\" \"\(member)\" in redis-cli; the next claim would put it among the dead"
        case .noSeq(_, let member, _):
            return "ZREM \"\(key)\" \"\(member)\" in redis-cli; if the ledger has the job, it is back within 30 s"
        case .unsoundEntry:
            return "the next claim puts what is not readable among the dead: chorewheel queues dead list; keep it for "
                + "whoever wrote it, then discard it"
        case .unsoundRun(let field, _):
            return "it goes among the dead when its session ends; or HDEL \"\(key)\" \"\(field)\" in redis-cli"
        case .unknownHolder(_, let sessions, let member):
            return "ZADD \"\(sessions)\" NX 0 \"\(member)\" in redis-cli: a living worker then ends it, and gives back "
                + "what it holds, as after a crash"
        case .noState:
            return "DEL \"\(key)\" in redis-cli: a living worker writes it anew from the ledger within 30 s"
        case .noSession(let member): return "ZREM \"\(key)\" \"\(member)\" in redis-cli"
        case .noGeneration: return "DEL \"\(key)\" in redis-cli: a worker then fills Redis from the ledger"
        case .noCount(let field, _):
            return "HDEL \"\(key)\" \"\(field)\" in redis-cli: it then counts from 0, as after a restart"
        case .strayHint:
            return "nothing: it is let go when it is claimed; if this comes again, see who writes to Redis"
        }
    }
}

extension IndexFault {
    /// False: it is in nobody's way.
    var isBroken: Bool {
        switch self {
        case .unknownKey, .putAside, .keptUnread, .strayHint: false
        case .wrongType, .noLane, .unlistedLane, .noID, .noSeq, .unsoundEntry, .unsoundRun, .unknownHolder, .noState,
            .noSession, .noGeneration, .noCount:
            true
        }
    }

    /// What is wrong, to be said after the key's name.
    fileprivate var words: String {
        switch self {
        case .unknownKey: "is no key that this version writes"
        case .wrongType(let type, let must, _, _): "is a \(type) and must be a \(must)"
        case .putAside: "was put aside"
        case .keptUnread: "holds entries that could not be read, and had no place among the dead"
        case .noLane(let member): "lists \"\(member)\", which is no lane"
        case .unlistedLane(let ring, _, _): "holds jobs, and its ring \(ring) does not list it: nobody claims them"
        case .noID(let member, let count):
            "lists \"\(member)\", which is no id of a job: it has \(count) bytes, not 16"
        case .noSeq(let id, _, let score): "has job \(id) at \(score), which is no seq: it does not wait its turn"
        case .unsoundEntry(let place, let bytes, let why): "its element \(place), \"\(bytes)\", \(why)"
        case .unsoundRun(let field, let why): "its field \"\(field)\" \(why)"
        case .unknownHolder(let session, _, _): "session \(session) holds jobs here, and the ledger has no such session"
        case .noState(let state, let version): "says \"\(state)\" in version \(version)"
        case .noSession(let member): "lists \"\(member)\", which is no session"
        case .noGeneration(let text): "is \"\(text)\" and must be a number"
        case .noCount(let field, let value): "counts \"\(value)\" for \(field), which is no count"
        case .strayHint(let id, let why): "job \(id) waits here, and \(why)"
        }
    }
}
