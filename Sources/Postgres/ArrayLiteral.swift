// PostgreSQL's text form of a one-dimensional array, `{a,"b c",NULL}`, both ways. Pure.

enum ArrayLiteral {
    /// Writes the elements as an array literal. Every element is quoted, so none can be taken for `NULL` or a brace.
    static func append(_ elements: [String?], to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            guard let element else {
                bytes += "NULL".utf8
                continue
            }
            bytes.append(UInt8(ascii: "\""))
            for byte in element.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { bytes.append(UInt8(ascii: "\\")) }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// The elements of an array literal, or nil if it is not a one-dimensional one.
    static func parse(_ text: some Sequence<UInt8>) -> [String?]? {
        var parser = Parser(bytes: Array(text))
        return parser.parse()
    }

    private struct Parser {
        let bytes: [UInt8]
        var position = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        private mutating func next() -> UInt8? {
            guard position < bytes.count else { return nil }
            defer { position += 1 }
            return bytes[position]
        }

        mutating func parse() -> [String?]? {
            guard next() == UInt8(ascii: "{") else { return nil }
            var elements: [String?] = []
            if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
                position += 1
                return position == bytes.count ? elements : nil
            }
            while true {
                guard let element = element() else { return nil }
                elements.append(element)
                switch next() {
                case UInt8(ascii: ","): continue
                case UInt8(ascii: "}"): return position == bytes.count ? elements : nil
                default: return nil
                }
            }
        }

        /// One element; the outer optional is nil when the text is malformed, the inner one for NULL.
        private mutating func element() -> String?? {
            var collected: [UInt8] = []
            if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
                position += 1
                while let byte = next() {
                    if byte == UInt8(ascii: "\"") { return .some(String(decoding: collected, as: UTF8.self)) }
                    if byte == UInt8(ascii: "\\") {
                        guard let escaped = next() else { return nil }
                        collected.append(escaped)
                    } else {
                        collected.append(byte)
                    }
                }
                return nil
            }
            while position < bytes.count, bytes[position] != UInt8(ascii: ","), bytes[position] != UInt8(ascii: "}") {
                // A brace here would be a second dimension.
                guard bytes[position] != UInt8(ascii: "{") else { return nil }
                if bytes[position] == UInt8(ascii: "\\") { position += 1 }
                guard let byte = next() else { return nil }
                collected.append(byte)
            }
            guard !collected.isEmpty else { return nil }
            let word = String(decoding: collected, as: UTF8.self)
            return .some(word == "NULL" ? nil : word)
        }
    }
}
