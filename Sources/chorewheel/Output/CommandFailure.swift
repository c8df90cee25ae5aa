// What a command that failed tells: one line for people, one JSON document for programs, one exit code. Which error
// becomes which failure is in CommandFailure+Errors.swift.

import JobQueue

/// A command's failure.
struct CommandFailure: Error, Sendable, Hashable, CustomStringConvertible {
    let exit: Sysexit
    /// What broke the rule: `slug`, `payload.seconds`, `database.url`; nil when it is no single thing.
    let field: String?
    /// The rule, or what happened.
    let rule: String
    /// The job that an idempotency key belongs to already.
    let existing: String?
    /// More lines for people: how the command is called.
    let usage: String?

    /// - Parameter rule: May begin with the field's name, which is then not said twice.
    init(_ exit: Sysexit, field: String? = nil, _ rule: String, existing: String? = nil, usage: String? = nil) {
        self.exit = exit
        self.field = field
        if let field, rule.hasPrefix(field + " ") {
            self.rule = String(rule.dropFirst(field.count + 1))
        } else {
            self.rule = rule
        }
        self.existing = existing
        self.usage = usage
    }

    /// `slug: is a reserved name`
    var description: String { self.field.map { "\($0): \(self.rule)" } ?? self.rule }

    /// The whole text for standard error, with its newline.
    func report(json: Bool) -> String {
        guard json else {
            return "chorewheel: \(Printable.line(self.description))\n\(self.usage.map { "\($0)\n" } ?? "")"
        }
        let document = Document(
            error: .init(
                code: self.exit.word, message: self.description, field: self.field, rule: self.rule,
                existing: self.existing, exitCode: self.exit.rawValue))
        do {
            return try JSONText.string(document) + "\n"
        } catch {
            // Only texts and a number are in it.
            return "{\"error\":{\"code\":\"internal_error\",\"exit_code\":\(Sysexit.software.rawValue)}}\n"
        }
    }

    private struct Document: Encodable {
        struct Members: Encodable {
            let code: String
            let message: String
            let field: String?
            let rule: String
            let existing: String?
            let exitCode: Int32

            enum CodingKeys: String, CodingKey {
                case code, message, field, rule
                case existing = "existing_job_id"
                case exitCode = "exit_code"
            }
        }

        let error: Members
    }
}
