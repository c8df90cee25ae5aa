// A fast job as Redis holds it: one string with everything, so that enqueue, claim and settle move one element.
//
//   byte 1      format version, 1
//   byte 2      crashes
//   byte 3      failures
//   byte 4      priority, '0' to '2'
//   byte 5      max attempts (at most 255)
//   byte 6      n, length of the lane: 0 or 16
//   6+1…        lane: the family's id
//   6+n+1…      id, 16 bytes
//   22+n+1      k, length of the kind
//   23+n+1…     kind
//   23+n+k+1    payload version
//   then        the payload's JSON
//
// The Lua scripts read bytes 1 to 22+n and change bytes 2 and 3; nothing else knows the layout.

public import JobModel

/// A fast job's whole state.
public struct FastEntry: Sendable, Hashable {
    public var id: JobID
    public var kind: JobKind
    public var family: FamilyID?
    public var priority: JobPriority
    public var maxAttempts: Int
    public var failures: Int
    public var crashes: Int
    public var payloadVersion: Int
    public var payload: [UInt8]

    static let version: UInt8 = 1

    init(_ request: JobRequest, id: JobID, defaultMaxAttempts: Int) {
        self.id = id
        self.kind = request.kind
        self.family = request.target.family
        self.priority = request.options.priority
        self.maxAttempts = min(request.options.maxAttempts ?? defaultMaxAttempts, 255)
        self.failures = 0
        self.crashes = 0
        self.payloadVersion = request.payloadVersion
        self.payload = request.payload
    }

    /// The lane: empty for the platform, else the family's 16 bytes.
    var lane: [UInt8] { self.family?.uuid.bytes ?? [] }

    /// How many bytes Redis keeps.
    var byteCount: Int { 24 + (self.family == nil ? 0 : 16) + self.kind.rawValue.utf8.count + self.payload.count }

    /// The bytes that Redis keeps.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(self.byteCount)
        self.append(to: &bytes)
        return bytes
    }

    /// Appends the bytes that Redis keeps.
    func append(to bytes: inout [UInt8]) {
        self.appendBeforeID(to: &bytes)
        Self.append(self.id.uuid, to: &bytes)
        self.appendAfterID(to: &bytes)
        bytes.append(contentsOf: self.payload)
    }

    /// What comes before the payload, but for the id: that is between the two.
    var head: (beforeID: [UInt8], afterID: [UInt8]) {
        var (before, after): ([UInt8], [UInt8]) = ([], [])
        self.appendBeforeID(to: &before)
        self.appendAfterID(to: &after)
        return (before, after)
    }

    private func appendBeforeID(to bytes: inout [UInt8]) {
        bytes.append(Self.version)
        bytes.append(UInt8(clamping: self.crashes))
        bytes.append(UInt8(clamping: self.failures))
        bytes.append(UInt8(ascii: "0") + UInt8(self.priority.rawValue))
        bytes.append(UInt8(clamping: self.maxAttempts))
        bytes.append(self.family == nil ? 0 : 16)
        if let family = self.family { Self.append(family.uuid, to: &bytes) }
    }

    private func appendAfterID(to bytes: inout [UInt8]) {
        let kind = self.kind.rawValue.utf8
        bytes.append(UInt8(kind.count))
        bytes.append(contentsOf: kind)
        bytes.append(UInt8(clamping: self.payloadVersion))
    }

    static func append(_ uuid: UUIDBytes, to bytes: inout [UInt8]) {
        let words = (uuid.high.bigEndian, uuid.low.bigEndian)
        withUnsafeBytes(of: words) { bytes.append(contentsOf: $0) }
    }

    /// - Throws: `JobQueueError(.corrupt)` saying what is wrong; the entry is never guessed over.
    public init(bytes: [UInt8]) throws(JobQueueError) {
        var kinds = KindCache()
        try self.init(bytes: bytes, kinds: &kinds)
    }

    /// The kind that was read last: neighbours are often of one kind, and making its text costs more than comparing.
    struct KindCache {
        fileprivate var last: (bytes: [UInt8], kind: JobKind)?
    }

    init(bytes: [UInt8], kinds: inout KindCache) throws(JobQueueError) {
        func corrupt(_ what: String) -> JobQueueError { JobQueueError(.corrupt, "a fast job's entry \(what)") }
        guard bytes.count >= 24 else { throw corrupt("has only \(bytes.count) bytes") }
        guard bytes[0] == Self.version else { throw corrupt("has format version \(bytes[0])") }
        guard bytes[3] >= UInt8(ascii: "0"), let priority = JobPriority(rawValue: Int(bytes[3] - UInt8(ascii: "0")))
        else { throw corrupt("has no known priority") }
        let lane = Int(bytes[5])
        guard lane == 0 || lane == 16, bytes.count >= 24 + lane else { throw corrupt("has no whole lane") }
        let kindLength = Int(bytes[22 + lane])
        guard bytes.count >= 24 + lane + kindLength else { throw corrupt("has no whole kind") }
        guard let id = JobID(bytes: bytes[(6 + lane)..<(22 + lane)]) else { throw corrupt("has no id") }
        let kind = bytes[(23 + lane)..<(23 + lane + kindLength)]
        if let last = kinds.last, last.bytes[...] == kind {
            self.kind = last.kind
        } else {
            do {
                self.kind = try JobKind(validating: String(decoding: kind, as: UTF8.self))
            } catch {
                throw corrupt("has a bad kind: \(error)")
            }
            kinds.last = (Array(kind), self.kind)
        }
        self.id = id
        self.family = lane == 0 ? nil : FamilyID(bytes: bytes[6..<22])
        self.priority = priority
        self.maxAttempts = Int(bytes[4])
        self.failures = Int(bytes[2])
        self.crashes = Int(bytes[1])
        self.payloadVersion = Int(bytes[23 + lane + kindLength])
        self.payload = Array(bytes[(24 + lane + kindLength)...])
    }
}
