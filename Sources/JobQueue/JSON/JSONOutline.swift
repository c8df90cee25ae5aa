// Where everything is in a JSON text: one pass finds each value's kind and bytes, and nothing is converted before it is
// asked for. Not a tree: the entries lie in the order of the text, and a container's are followed by what it holds.

/// A value of a JSON text, or an object's key.
struct JSONEntry {
    enum Kind: UInt8 {
        case null, `false`, `true`
        /// Digits, with or without a minus.
        case integer
        /// A number with a fraction or an exponent.
        case fraction
        /// Bytes below 0x80 without escapes: the string is what is written.
        case asciiText
        /// Without escapes; whether it is valid UTF-8 is not known.
        case unicodeText
        /// With escapes that are well formed; whether surrogates are in pairs is not known.
        case escapedText
        /// Followed by key, value, key, value….
        case object
        /// Followed by its elements.
        case array
    }

    var kind: Kind
    /// A container's count of members or elements; else where the bytes begin (a text's without its quotes).
    var start: Int32
    /// The index of the first entry after a container; else where the bytes end.
    var end: Int32

    var count: Int { Int(self.start) }
    var range: Range<Int> { Int(self.start)..<Int(self.end) }
}

/// A JSON text and its entries. Shared by the decoders and containers of one decoding.
final class JSONOutline {
    let bytes: [UInt8]
    let entries: [JSONEntry]
    /// Set by the first thing that the fast coder does not know. It stays set when somebody catches the error, since
    /// what they make of it may not be what they would have made of Foundation's.
    private(set) var needsFoundation = false
    /// Keys and where their values are, for the objects that are too large to look through.
    private var keyIndexes: [Int: [String: Int]] = [:]

    /// Objects with more members get an index of their keys.
    private static let searchedMembersMax = 16

    init(_ bytes: [UInt8]) throws(JSONUnsupported) {
        var scanner = JSONScanner(bytes)
        try scanner.scan()
        self.bytes = bytes
        self.entries = scanner.entries
    }

    /// Leaves the decoding to Foundation.
    func unsupported() -> JSONUnsupported {
        self.needsFoundation = true
        return JSONUnsupported()
    }

    func kind(at index: Int) -> JSONEntry.Kind { self.entries[index].kind }

    /// The entry after a value, and all that the value holds.
    func next(after index: Int) -> Int {
        let entry = self.entries[index]
        return entry.kind == .object || entry.kind == .array ? Int(entry.end) : index + 1
    }

    // MARK: Members

    /// Where the value of a key is: of the first one, when the key is there more than once.
    func member(_ key: String, of object: Int) -> Int? {
        let count = self.entries[object].count
        guard count <= Self.searchedMembersMax else { return self.keyIndex(of: object)[key] }
        var key = key
        return key.withUTF8 { wanted in
            // Of ASCII texts, and only of those, equal means the same bytes: U+212A is equal to "K".
            let isASCII = wanted.allSatisfy { $0 < 0x80 }
            var index = object + 1
            for _ in 0..<count {
                if isASCII, self.entries[index].kind == .asciiText {
                    if self.isText(at: index, wanted) { return index + 1 }
                } else if self.key(at: index) == String(decoding: wanted, as: UTF8.self) {
                    return index + 1
                }
                index = self.next(after: index + 1)
            }
            return nil
        }
    }

    /// The keys of an object, without repetitions.
    func keys(of object: Int) -> [String] {
        let count = self.entries[object].count
        guard count <= Self.searchedMembersMax else { return Array(self.keyIndex(of: object).keys) }
        var keys: [String] = []
        keys.reserveCapacity(count)
        var index = object + 1
        for _ in 0..<count {
            let key = self.key(at: index)
            if !keys.contains(key) { keys.append(key) }
            index = self.next(after: index + 1)
        }
        return keys
    }

    private func keyIndex(of object: Int) -> [String: Int] {
        if let known = self.keyIndexes[object] { return known }
        let count = self.entries[object].count
        var made = [String: Int](minimumCapacity: count)
        var index = object + 1
        for _ in 0..<count {
            let key = self.key(at: index)
            if made[key] == nil { made[key] = index + 1 }
            index = self.next(after: index + 1)
        }
        self.keyIndexes[object] = made
        return made
    }

    func key(at index: Int) -> String {
        guard let key = JSONScanner.text(self.entries[index], in: self.bytes) else {
            preconditionFailure("the scanner let a key pass that cannot be read")
        }
        return key
    }

    private func isText(at index: Int, _ wanted: UnsafeBufferPointer<UInt8>) -> Bool {
        let range = self.entries[index].range
        guard range.count == wanted.count else { return false }
        for offset in 0..<wanted.count where self.bytes[range.lowerBound + offset] != wanted[offset] { return false }
        return true
    }
}
