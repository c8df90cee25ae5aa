// One log event as one line. Pure: time, event and metadata in, bytes out.
//
// Invariants: a line holds no line feed but its last byte, whatever the message holds; keys are sorted; no value is
// longer than `valueBytesMax`.

internal import Logging

/// How log lines look.
public enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line, for machines: `time`, `level`, `logger`, `message`, `error`, `source`, then metadata.
    case json
    /// For people.
    case text
}

/// A line under construction.
struct LogLine {
    /// Longer messages and metadata values are cut.
    static let valueBytesMax = 16 * 1024

    let time: LogTime
    let level: Logger.Level
    let label: String
    let message: String
    let error: String?
    let source: String
    let metadata: Logger.Metadata

    func bytes(_ format: LogFormat) -> [UInt8] {
        var text: String
        switch format {
        case .json: text = self.json
        case .text: text = self.text
        }
        text += "\n"
        return Array(text.utf8)
    }

    private var json: String {
        var text = "{\"time\":\"\(self.time)\",\"level\":\"\(self.level.rawValue)\",\"logger\":"
        text += Self.quoted(self.label)
        text += ",\"message\":" + Self.quoted(self.message)
        if let error { text += ",\"error\":" + Self.quoted(error) }
        text += ",\"source\":" + Self.quoted(self.source)
        let own: Set = ["time", "level", "logger", "message", "error", "source"]
        for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
            // A name twice in one object means something else to every reader.
            text += "," + Self.quoted(own.contains(key) ? "metadata.\(key)" : key) + ":" + Self.json(value)
        }
        return text + "}"
    }

    private var text: String {
        var text = "\(self.time) \(self.level.rawValue.uppercased()) \(self.label): \(Self.oneLine(self.message))"
        if let error { text += " error=\(Self.word(error))" }
        for (key, value) in self.metadata.sorted(by: { $0.key < $1.key }) {
            text += " \(Self.word(key))=\(Self.word(Self.plain(value)))"
        }
        return text
    }

    // MARK: - JSON

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): return self.quoted(text)
        case .stringConvertible(let value):
            // Numbers and truth values stay what they are.
            switch value {
            case let value as any FixedWidthInteger: return "\(value)"
            case let value as Double where value.isFinite: return "\(value)"
            case let value as Bool: return "\(value)"
            default: return self.quoted("\(value)")
            }
        case .array(let values): return "[" + values.map { self.json($0) }.joined(separator: ",") + "]"
        case .dictionary(let members):
            let pairs = members.sorted { $0.key < $1.key }.map { self.quoted($0.key) + ":" + self.json($0.value) }
            return "{" + pairs.joined(separator: ",") + "}"
        }
    }

    static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in self.cut(text).unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\u{0}"..<" ", "\u{7F}", "\u{85}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    // MARK: - Text

    private static func plain(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): text
        case .stringConvertible(let value): "\(value)"
        case .array, .dictionary: self.json(value)
        }
    }

    /// As it is when it is one word, else quoted.
    private static func word(_ text: String) -> String {
        let isWord =
            !text.isEmpty
            && text.unicodeScalars.allSatisfy { $0 > " " && $0 != "\"" && $0 != "=" && $0 != "\\" && $0.value < 0x7F }
        return isWord ? self.cut(text) : self.quoted(text)
    }

    private static func oneLine(_ text: String) -> String {
        let isPlain = text.unicodeScalars.allSatisfy {
            $0 >= " " && !("\u{7F}"..."\u{9F}").contains($0) && $0 != "\u{2028}" && $0 != "\u{2029}"
        }
        return isPlain ? self.cut(text) : String(self.quoted(text).dropFirst().dropLast())
    }

    private static func cut(_ text: String) -> String {
        guard text.utf8.count > self.valueBytesMax else { return text }
        return String(decoding: text.utf8.prefix(self.valueBytesMax), as: UTF8.self) + "…"
    }
}
