// How the bytes of a store's protocol fall into requests and replies. No more of the protocols is known here than that.
//
// Invariants of each framing:
// 1. No byte is lost, made or changed: the units of one direction, joined, are what came.
// 2. To each request belongs exactly one `.end` from the server, in the order of the requests.

internal import NIOCore

/// A request to a store, as it passes.
struct StoreRequest: Sendable, Hashable {
    /// `redis/claim_jobs`, `platform/begin_jobs`, `family/COMMIT`: where to, and what.
    let name: String
}

/// What comes from the client.
enum ClientUnit {
    /// Complete; the server will answer it.
    case request(StoreRequest, ByteBuffer)
    /// To be forwarded; has no reply of its own.
    case aside(ByteBuffer)
    /// To be answered with these bytes, and not forwarded.
    case refusal(ByteBuffer)
}

/// What comes from the server.
enum ServerUnit {
    /// Belongs to the reply of the oldest request that is not answered yet.
    case part(ByteBuffer)
    /// The end of that reply.
    case end(ByteBuffer)
    /// Nobody asked for it: a notification.
    case aside(ByteBuffer)
}

/// The framing of one connection.
protocol Framing {
    /// Takes the next unit out of what has come from the client; nil: not complete yet.
    mutating func nextFromClient(_ bytes: inout ByteBuffer) throws(FramingError) -> ClientUnit?
    /// Takes the next unit out of what has come from the server; nil: not complete yet.
    mutating func nextFromServer(_ bytes: inout ByteBuffer) throws(FramingError) -> ServerUnit?
}

/// Bytes that are not of the protocol, or of a part of it that is not known here.
struct FramingError: Error, CustomStringConvertible {
    let description: String
}
