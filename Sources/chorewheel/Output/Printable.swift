// Texts as a terminal may show them. What others chose (a family's name, an error's message) can hold control
// characters, which a terminal would obey.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

enum Printable {
    /// The text on one line: line breaks and tabs are spaces, other control and direction characters are U+FFFD.
    static func line(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { self.replacement(for: $0) != nil }) else { return text }
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { line.append(self.replacement(for: scalar) ?? scalar) }
        return String(line)
    }

    private static func replacement(for scalar: UnicodeScalar) -> UnicodeScalar? {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x85, 0x2028, 0x2029: " "
        case 0x00...0x1F, 0x7F...0x9F: "\u{FFFD}"
        // Embeddings, overrides and isolates of the direction of writing.
        case 0x202A...0x202E, 0x2066...0x2069: "\u{FFFD}"
        default: nil
        }
    }

    /// How long something is: `850 ms`, `12 s`, `4 min`, `3 h`, `2 d`.
    static func age(milliseconds: Int) -> String {
        switch milliseconds {
        case ..<1000: "\(milliseconds) ms"
        case ..<120_000: "\(milliseconds / 1000) s"
        case ..<7_200_000: "\(milliseconds / 60_000) min"
        case ..<172_800_000: "\(milliseconds / 3_600_000) h"
        default: "\(milliseconds / 86_400_000) d"
        }
    }
}
