// What names a job, a family and a session. Distinct types, so that one never passes for another.

/// An identifier that is a UUID, encoded as its text.
public protocol UUIDIdentifier: Hashable, Sendable, Comparable, Codable, LosslessStringConvertible {
    var uuid: UUIDBytes { get }
    init(_ uuid: UUIDBytes)
}

extension UUIDIdentifier {
    public init?(_ description: String) {
        guard let uuid = UUIDBytes(description) else { return nil }
        self.init(uuid)
    }

    /// Reads 16 bytes; nil unless there are exactly 16.
    public init?(bytes: ArraySlice<UInt8>) {
        guard let uuid = UUIDBytes(bytes: bytes) else { return nil }
        self.init(uuid)
    }

    /// Reads 16 bytes; nil unless there are exactly 16.
    public init?(bytes: [UInt8]) { self.init(bytes: bytes[...]) }

    public init(from decoder: any Decoder) throws {
        self.init(try UUIDBytes(from: decoder))
    }

    public func encode(to encoder: any Encoder) throws {
        try self.uuid.encode(to: encoder)
    }

    public var description: String { self.uuid.description }

    public static func < (left: Self, right: Self) -> Bool { left.uuid < right.uuid }
}

/// Names one job for its whole life. A version 7 UUID, minted by whoever enqueues.
public struct JobID: UUIDIdentifier {
    public let uuid: UUIDBytes
    public init(_ uuid: UUIDBytes) { self.uuid = uuid }
}

/// Names a family, that is, a tenant.
public struct FamilyID: UUIDIdentifier {
    public let uuid: UUIDBytes
    public init(_ uuid: UUIDBytes) { self.uuid = uuid }
}

/// Names one session: the time in which a worker process holds what it claimed. A process that lost its session starts
/// another, under another id.
public struct SessionID: UUIDIdentifier {
    public let uuid: UUIDBytes
    public init(_ uuid: UUIDBytes) { self.uuid = uuid }
}

/// Names one worker process, through all its sessions.
public struct WorkerID: UUIDIdentifier {
    public let uuid: UUIDBytes
    public init(_ uuid: UUIDBytes) { self.uuid = uuid }
}
