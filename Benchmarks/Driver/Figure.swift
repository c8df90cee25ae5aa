// What programs of the benchmarks print: one JSON object of texts and numbers (Benchmarks/README.md, "The contract").

/// A member of a result.
enum Figure: Codable, Sendable {
    case text(String)
    case number(Double)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .text(try container.decode(String.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        }
    }

    var number: Double? {
        switch self {
        case .text: nil
        case .number(let number): number
        }
    }

    var text: String? {
        switch self {
        case .text(let text): text
        case .number: nil
        }
    }
}

/// The smallest value that `share` of the ordered ones do not exceed (nearest rank).
func percentile(_ ordered: [Double], _ share: Double) -> Double {
    guard !ordered.isEmpty else { return 0 }
    return ordered[max(Int((share * Double(ordered.count)).rounded(.up)), 1) - 1]
}
