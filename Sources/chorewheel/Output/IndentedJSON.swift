// JSON as people read it: a member a line, `"name": value`. It rearranges the white space of a valid JSON text and
// leaves every value as it is.

enum IndentedJSON {
    /// - Parameter json: a valid JSON text without white space between its tokens, as `JSONText` makes it.
    static func text(_ json: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(json.count * 2)
        var depth = 0
        var isInString = false
        var isEscaped = false
        func newLine(_ text: inout [UInt8]) {
            text.append(UInt8(ascii: "\n"))
            text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
        }
        for (index, byte) in json.enumerated() {
            if isInString {
                text.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                isInString = true
                text.append(byte)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                text.append(byte)
                depth += 1
                if !Self.closes(json, after: index) { newLine(&text) }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if index > 0, !Self.opens(json[index - 1]) { newLine(&text) }
                text.append(byte)
            case UInt8(ascii: ","):
                text.append(byte)
                newLine(&text)
            case UInt8(ascii: ":"):
                text.append(byte)
                text.append(UInt8(ascii: " "))
            default: text.append(byte)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func opens(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

    private static func closes(_ json: [UInt8], after index: Int) -> Bool {
        guard index + 1 < json.count else { return false }
        return json[index + 1] == UInt8(ascii: "}") || json[index + 1] == UInt8(ascii: "]")
    }
}
