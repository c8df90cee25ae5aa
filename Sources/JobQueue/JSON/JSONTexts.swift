// Many JSON texts at once, as a bulk enqueue writes them.

/// The texts of many values in one buffer: nothing is allocated for each.
struct JSONTexts: Sendable {
    private let bytes: [UInt8]
    /// Where each text ends.
    private let ends: [Int]

    /// The texts of values, as `JSONText.encode` makes them.
    ///
    /// - Parameter check: Told of each value in turn: how many bytes its text has, or why it has none. When it throws,
    ///   no further value is asked for its text.
    init<Refusal>(
        of values: [some Encodable], check: (_ index: Int, _ text: Result<Int, any Error>) throws(Refusal) -> Void
    ) throws(Refusal) {
        let writer = JSONWriter()
        var ends: [Int] = []
        ends.reserveCapacity(values.count)
        // Indices: of values of a type that the compiler does not see, `enumerated()` asks the runtime for each.
        for index in values.indices {
            try check(index, writer.append(textOf: values[index]))
            ends.append(writer.draft.bytes.count)
        }
        self.bytes = writer.draft.bytes
        self.ends = ends
    }

    subscript(index: Int) -> ArraySlice<UInt8> {
        self.bytes[(index == 0 ? 0 : self.ends[index - 1])..<self.ends[index]]
    }
}
