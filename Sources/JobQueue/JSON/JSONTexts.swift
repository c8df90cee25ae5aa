// Many JSON texts at once, as a bulk enqueue writes them.

/// The texts of many values in one buffer: nothing is allocated for each.
struct JSONTexts: Sendable {
    private var bytes: [UInt8] = []
    /// Where each text ends.
    private var ends: [Int] = []

    /// Appends the text of `value`, as `JSONText.encode` makes it.
    mutating func append(_ value: some Encodable, by writer: JSONWriter) throws {
        if !writer.append(textOf: value, to: &self.bytes) { self.bytes += try JSONText.foundationEncode(value) }
        self.ends.append(self.bytes.count)
    }

    /// The text that was appended last; none: empty.
    var last: ArraySlice<UInt8> { self.ends.isEmpty ? [] : self[self.ends.count - 1] }

    subscript(index: Int) -> ArraySlice<UInt8> {
        self.bytes[(index == 0 ? 0 : self.ends[index - 1])..<self.ends[index]]
    }
}
