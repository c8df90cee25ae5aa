// A command under construction: one arena of bytes and the end of each argument in it.
//
// It is not the wire form (`CommandEncoder` makes that, once). Invariant: `ends` never falls and its last element is
// `arena.count`; so argument i is `arena[ends[i - 1]..<ends[i]]`, and argument 0 is the command's name.

/// A Redis command and its arguments. Appending allocates nothing per argument, once room is reserved.
public struct RedisCommand: Sendable, Hashable {
    private(set) var arena: [UInt8]
    private(set) var ends: [Int]
    private var explicitKey: [UInt8]?

    /// A command, with text arguments. In a cluster its first argument is the key that decides the node.
    public init(_ name: String, _ arguments: String...) {
        self.init(name: name, key: nil, arguments: arguments)
    }

    /// A command whose routing key is not its first argument. `key` is not appended.
    public init(_ name: String, key: String?, _ arguments: String...) {
        self.init(name: name, key: key, arguments: arguments)
    }

    private init(name: String, key: String?, arguments: [String]) {
        self.arena = []
        self.ends = []
        self.explicitKey = key.map { Array($0.utf8) }
        self.append(name)
        for argument in arguments { self.append(argument) }
    }

    /// The number of arguments, the name included.
    public var argumentCount: Int { self.ends.count }

    /// The bytes of all arguments together, the name included.
    public var byteCount: Int { self.arena.count }

    /// Makes room for more arguments and for their bytes.
    public mutating func reserve(arguments: Int, bytes: Int) {
        self.ends.reserveCapacity(self.ends.count + arguments)
        self.arena.reserveCapacity(self.arena.count + bytes)
    }

    /// Appends a text as its UTF-8 bytes.
    public mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { self.arena.append(contentsOf: $0) }
        self.ends.append(self.arena.count)
    }

    /// Appends several texts, an argument each.
    public mutating func append(contentsOf texts: some Sequence<String>) {
        for text in texts { self.append(text) }
    }

    /// Appends bytes as they are.
    public mutating func append(_ bytes: [UInt8]) {
        self.arena.append(contentsOf: bytes)
        self.ends.append(self.arena.count)
    }

    /// Appends a copy of bytes that somebody else owns.
    public mutating func append(bytes: UnsafeRawBufferPointer) {
        self.arena.append(contentsOf: bytes)
        self.ends.append(self.arena.count)
    }

    /// Appends the argument that `write` puts behind the bytes that are there; it leaves those as they are.
    public mutating func append(writing write: (inout [UInt8]) -> Void) {
        write(&self.arena)
        precondition(self.arena.count >= self.ends.last ?? 0, "an argument's writer took away what was there")
        self.ends.append(self.arena.count)
    }

    /// Appends an integer in decimal.
    public mutating func append(_ number: Int) {
        // 20 bytes hold every Int with its sign; a String of more than 15 would be allocated.
        withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { digits in
            var start = digits.count
            var rest = number.magnitude
            repeat {
                start -= 1
                digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 {
                start -= 1
                digits[start] = UInt8(ascii: "-")
            }
            self.append(bytes: UnsafeRawBufferPointer(rebasing: digits[start...]))
        }
    }

    /// Argument `index`, where 0 is the name.
    func argument(_ index: Int) -> ArraySlice<UInt8> {
        self.arena[(index == 0 ? 0 : self.ends[index - 1])..<self.ends[index]]
    }

    /// The key that decides the node in a cluster; `nil` if any node will do.
    var routingKey: ArraySlice<UInt8>? {
        if let key = self.explicitKey { return key[...] }
        return self.ends.count > 1 ? self.argument(1) : nil
    }

    /// The same command with another name and another first argument: `EVALSHA sha …` becomes `EVAL source …`.
    func replacingHead(name: String, first: String) -> RedisCommand {
        var copy = RedisCommand(name: name, key: nil, arguments: [first])
        copy.explicitKey = self.explicitKey
        copy.reserve(arguments: self.ends.count - 2, bytes: self.arena.count)
        for index in 2..<max(2, self.ends.count) { copy.append(Array(self.argument(index))) }
        return copy
    }
}
