// What is done with one input of the fuzzer, and what must hold.
//
//   byte 1      low half: n, how many lengths of pieces follow; high half: how many more or fewer callers wait than
//               the stream has replies (-8 to 7)
//   1+1…        n lengths, less one each: the stream arrives in pieces of these, in turns; none: in one piece
//   then        the stream: what a server sends after the handshake
//
// What must hold, besides that nothing crashes, leaks or grows (the sanitizer and libFuzzer see to that):
//   1. The replies are those that a second, plain reading of the protocol finds, however the stream was cut.
//   2. A stream that is not RESP2 ends the connection; who waits is told so, and nobody gets a made-up value.
//   3. What is read and written again is the same.
//   4. What the queue decodes is refused as corrupt, or read whole: no element is left out.

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// An input, taken apart.
struct Exploration {
    let pieceLengths: [Int]
    let extraWaiting: Int
    let stream: ArraySlice<UInt8>

    init(_ input: [UInt8]) {
        let count = Int((input.first ?? 0) & 0x0F)
        self.extraWaiting = Int((input.first ?? 0) >> 4) - 8
        self.pieceLengths = input.dropFirst().prefix(count).map { Int($0) + 1 }
        self.stream = input.dropFirst(1 + count)
    }

    /// The stream in its pieces.
    var pieces: [ArraySlice<UInt8>] {
        guard !self.pieceLengths.isEmpty else { return [self.stream] }
        var pieces: [ArraySlice<UInt8>] = []
        var rest = self.stream
        while !rest.isEmpty {
            let length = self.pieceLengths[pieces.count % self.pieceLengths.count]
            pieces.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}

/// Takes one input; ends the process when something does not hold.
func explore(_ bytes: UnsafeBufferPointer<UInt8>) {
    let input = Array(bytes)
    let exploration = Exploration(input)
    let expected = PlainReading(exploration.stream)
    exploreReader(exploration, expected)
    exploreConnection(exploration, expected)
    for value in expected.replies { exploreDecoders(value) }
    // Entries are mostly opaque bytes: tried as they are, too, without the protocol around them.
    exploreBytes(input)
}

/// Ends the process unless the condition holds; libFuzzer then keeps the input.
func check(_ condition: Bool, _ what: @autoclosure () -> String, line: Int = #line, file: String = #fileID) {
    if condition { return }
    let text = "\(file):\(line): does not hold: \(what())\n"
    _ = write(STDERR_FILENO, text, text.utf8.count)
    abort()
}
