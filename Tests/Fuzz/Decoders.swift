// Replies to what the queue and the cluster's router make of them: each decoder is given each reply, and each string
// and error in it, whether that is for it or not.

@testable internal import JobModel
@testable internal import JobQueue
@testable internal import Redis

/// A reply, and all that is in it.
func exploreDecoders(_ reply: RedisValue) {
    exploreReply(reply)
    switch reply {
    case .null, .integer: break
    case .status(let text): exploreBytes(Array(text.utf8))
    case .bytes(let bytes): exploreBytes(bytes)
    case .error(let error): exploreError(error)
    case .array(let elements): for element in elements { exploreDecoders(element) }
    }
}

private func exploreReply(_ reply: RedisValue) {
    let claim = refusable { () throws(JobQueueError) in
        try ScriptReply(DispatchIndex.Script.claim, reply).claim(of: "default")
    }
    if let claim {
        let (fast, unreadable) = claim.entries()
        check(claim.count == claim.durable.count + fast.count + unreadable.count, "a claim lost some of \(reply)")
        for entry in unreadable { _ = SettledFast.dead(entry) }
        if claim.state != .gone, let elements = reply.array {
            let durable = (elements[3].bytes?.count ?? 0) / 16
            check(claim.count == elements.count - 5 + durable, "a claim lost some of \(reply)")
        }
    }
    let beat = refusable { () throws(JobQueueError) in try ScriptReply(DispatchIndex.Script.beat, reply).heartbeat() }
    if let beat, let elements = reply.array {
        check(beat.deaths.count <= elements.count, "a heartbeat told of more than was in \(reply)")
    }
    if let graves = reply.array, let died = graves.first {
        let dead = DeadFastJob.list(died: died, graves: .array(Array(graves.dropFirst())))
        check(dead.count <= graves.count, "more dead than graves in \(reply)")
    }
    let asked = RedisEndpoint.tcp(host: "asked", port: 6379)
    if let map = refusable({ () throws(RedisError) in try ClusterMap(slotsReply: reply, asked: asked) }) {
        check(map.masters.count <= reply.array?.count ?? 0, "more masters than ranges in \(reply)")
    }
    _ = refusable { () throws(RedisError) in try SentinelResolver.address(in: reply) }
}

private func exploreError(_ error: RedisServerError) {
    _ = ClusterRedirection(error, from: .unix(path: "/"))
    let thrown = RedisError(error)
    check(error.message.hasPrefix(error.description), "the description of an error is not what it begins with")
    check(thrown.prefix == error.prefix && thrown.canRetry == error.canRetry, "an error changed as it was thrown")
}

/// What scripts and keys hold as strings.
func exploreBytes(_ bytes: [UInt8]) {
    if let entry = refusable({ () throws(JobQueueError) in try FastEntry(bytes: bytes) }) {
        check(entry.bytes == bytes && entry.byteCount == bytes.count, "an entry was read and written as another")
        exploreJSON(entry.payload)
    }
    if let holder = FastKey.Holder(bytes: bytes) { check(holder.bytes == bytes, "a key's holder changed") }
    if let death = NotedDeath(bytes: bytes) { check(death.session.uuid.bytes[...] == bytes[..<16], "another's death") }
    check([JobID](joined: bytes).count == bytes.count / 16, "ids were lost")
    if let counter = SharedCounter(field: String(decoding: bytes, as: UTF8.self), value: 1) {
        check(SharedCounter(field: counter.field, value: 1) == counter, "a counter was read and written as another")
    }
    exploreJSON(bytes)
}

/// A payload: what is read can be written, and is read the same again.
private func exploreJSON(_ bytes: [UInt8]) {
    guard let value = try? JSONText.decode(JSONValue.self, from: bytes) else { return }
    guard let text = try? JSONText.encode(value) else { return check(false, "JSON was read and cannot be written") }
    let again = try? JSONText.decode(JSONValue.self, from: text)
    check(again == value, "JSON was read and written as another: \(String(decoding: text, as: UTF8.self))")
}

/// The result; `nil` when the decoder refused, which it may do in two words only.
private func refusable<Value, Failure: Error>(_ body: () throws(Failure) -> Value) -> Value? {
    do throws(Failure) {
        return try body()
    } catch {
        switch error {
        case let error as JobQueueError: check(error.code == .corrupt, "refused with \(error)")
        case let error as RedisError:
            check(error.code == .unexpectedReply || error.code == .server, "refused with \(error)")
        default: check(false, "refused with \(error)")
        }
        return nil
    }
}
