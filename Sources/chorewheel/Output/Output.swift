// How a command shows its result: a text for people, or, with `--json`, one JSON document. Standard output has the
// result and nothing else; warnings, progress and errors go to standard error.

import JobQueue

struct Output: Sendable {
    let json: Bool

    /// Shows the result. The document has the members of the HTTP API's answer to the same question.
    ///
    /// - Throws: `CommandFailure(.inputOutput)` when standard output cannot be written.
    func show(_ document: some Encodable, asText text: @autoclosure () throws -> String) throws {
        if self.json {
            try StandardStream.output.write(IndentedJSON.text(try JSONText.encode(document)) + "\n")
        } else {
            try StandardStream.output.write(try text())
        }
    }

    /// Tells people something beside the result.
    func note(_ text: String) throws {
        try StandardStream.error.write("chorewheel: \(Printable.line(text))\n")
    }
}
