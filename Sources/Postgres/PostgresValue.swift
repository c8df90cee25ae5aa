// A bound parameter, and the memory in which a statement's parameters are handed to libpq.

/// A parameter of a statement. The server infers its type from where it stands; write `$1::uuid` where it cannot.
public enum PostgresValue: Sendable, Hashable {
    case null
    /// Any type, in its text form. NUL is refused.
    case text(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    /// `bytea`, sent in binary.
    case bytes([UInt8])
    /// A one-dimensional array (`text[]`, `uuid[]`, `bigint[]` …), each element in its text form.
    case array([String?])

    /// A text or NULL.
    public static func text(_ value: String?) -> PostgresValue { value.map { .text($0) } ?? .null }
    /// An integer.
    public static func int(_ value: Int) -> PostgresValue { .int(Int64(value)) }
    /// An integer or NULL.
    public static func int(_ value: Int?) -> PostgresValue { value.map { .int(Int64($0)) } ?? .null }
    /// A number or NULL.
    public static func double(_ value: Double?) -> PostgresValue { value.map { .double($0) } ?? .null }
    /// A truth value or NULL.
    public static func bool(_ value: Bool?) -> PostgresValue { value.map { .bool($0) } ?? .null }
    /// An array of integers.
    public static func array(_ values: [Int]) -> PostgresValue { .array(values.map { String($0) }) }
}

extension PostgresValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(nilLiteral: ()) { self = .null }
}

/// All parameters of one statement, laid out in one block of bytes, so that a statement costs one allocation and not
/// one a parameter.
struct BindArena: Sendable {
    /// The protocol counts parameters in 16 bits.
    static let countMax = 65_535

    private var bytes: [UInt8] = []
    /// Where each value starts in `bytes`; negative for NULL.
    private var offsets: [Int] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    var count: Int { offsets.count }

    init(_ values: [PostgresValue]) throws(PostgresError) {
        guard !values.isEmpty else { return }
        guard values.count <= Self.countMax else {
            throw PostgresError(
                .protocolViolation, "\(values.count) parameters; a statement has at most \(Self.countMax)")
        }
        offsets.reserveCapacity(values.count)
        lengths.reserveCapacity(values.count)
        formats.reserveCapacity(values.count)
        bytes.reserveCapacity(values.count * 24)
        for (index, value) in values.enumerated() {
            try append(value, number: index + 1)
        }
    }

    private mutating func append(_ value: PostgresValue, number: Int) throws(PostgresError) {
        let start = bytes.count
        var isBinary = false
        switch value {
        case .null:
            offsets.append(-1)
            lengths.append(0)
            formats.append(0)
            return
        case .text(let text): bytes += text.utf8
        case .int(let integer): appendDigits(integer)
        case .double(let number): bytes += "\(number)".utf8
        case .bool(let truth): bytes.append(truth ? UInt8(ascii: "t") : UInt8(ascii: "f"))
        case .bytes(let raw):
            bytes += raw
            isBinary = true
        case .array(let elements): ArrayLiteral.append(elements, to: &bytes)
        }
        guard isBinary || !bytes[start...].contains(0) else {
            throw PostgresError(.protocolViolation, "parameter $\(number) contains NUL, which no text may")
        }
        guard let length = Int32(exactly: bytes.count - start) else {
            throw PostgresError(.protocolViolation, "parameter $\(number) is longer than 2 GiB")
        }
        offsets.append(start)
        lengths.append(length)
        formats.append(isBinary ? 1 : 0)
        bytes.append(0)  // libpq measures text parameters with strlen
    }

    private mutating func appendDigits(_ integer: Int64) {
        if integer < 0 { bytes.append(UInt8(ascii: "-")) }
        var magnitude = integer.magnitude
        let start = bytes.count
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(magnitude % 10))
            magnitude /= 10
        } while magnitude > 0
        bytes[start...].reverse()
    }

    /// The shape in which libpq takes parameters.
    typealias Pointers = (
        count: Int32, values: UnsafePointer<UnsafePointer<CChar>?>?, lengths: UnsafePointer<Int32>?,
        formats: UnsafePointer<Int32>?
    )

    /// Lends the parameters; libpq copies them before it returns.
    func withPointers<R>(_ body: (Pointers) -> R) -> R {
        guard count > 0 else { return body((0, nil, nil, nil)) }
        return bytes.withUnsafeBytes { block in
            // `block` can be without an address only if every value is NULL.
            let base = block.baseAddress?.assumingMemoryBound(to: CChar.self)
            return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
                for (index, offset) in offsets.enumerated() {
                    values.initializeElement(at: index, to: offset < 0 ? nil : base.map { $0 + offset })
                }
                return lengths.withUnsafeBufferPointer { lengths in
                    formats.withUnsafeBufferPointer { formats in
                        body(
                            (Int32(count), UnsafePointer(values.baseAddress), lengths.baseAddress, formats.baseAddress))
                    }
                }
            }
        }
    }
}
