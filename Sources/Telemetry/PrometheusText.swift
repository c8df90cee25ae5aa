// The Prometheus text format, version 0.0.4: families in, text out. Pure.
//
// Invariants: the same families give the same text (names and series are sorted, a histogram's lines keep their order);
// each name has one `TYPE` line, before its samples; every line ends with a line feed.

/// Writes metric families down.
public enum PrometheusText {
    /// The value of the `Content-Type` header.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Families of one name are written as one; the first says kind and help.
    public static func render(_ families: [MetricFamily]) -> String {
        var byName: [String: MetricFamily] = [:]
        for family in families {
            byName[family.name, default: MetricFamily(name: family.name, kind: family.kind, samples: [])]
                .merge(family)
        }
        var text = ""
        for name in byName.keys.sorted() {
            guard let family = byName[name] else { continue }
            if let help = family.help { text += "# HELP \(name) \(escape(help, quotes: false))\n" }
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            let samples =
                family.kind == .histogram
                ? family.samples : family.samples.sorted { ($0.suffix, $0.labels) < ($1.suffix, $1.labels) }
            for sample in samples {
                text += name
                text += sample.suffix
                append(sample.labels, to: &text)
                text += " \(number(sample.value))\n"
            }
        }
        return text
    }

    private static func append(_ labels: [MetricLabel], to text: inout String) {
        guard !labels.isEmpty else { return }
        let pairs = labels.map { "\(PrometheusName.label($0.name))=\"\(escape($0.value, quotes: true))\"" }
        text += "{\(pairs.joined(separator: ","))}"
    }

    private static func escape(_ value: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// A number as Go's `ParseFloat` reads it.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        // Whole numbers are exact up to 2^53.
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return "\(whole)" }
        return "\(value)"
    }
}

extension MetricFamily {
    fileprivate mutating func merge(_ other: MetricFamily) {
        self.help = self.help ?? other.help
        self.samples += other.samples
    }
}

/// Label lists in dictionary order.
private func < (left: (String, [MetricLabel]), right: (String, [MetricLabel])) -> Bool {
    left.0 != right.0 ? left.0 < right.0 : left.1.lexicographicallyPrecedes(right.1)
}
