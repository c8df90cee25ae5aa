// What a scrape shows, as values: metrics by name, each with its samples. Not how they are counted (Series.swift) nor
// how they are written down (PrometheusText.swift).

/// One label of a series. Any text is a legal value; a name becomes a legal one by `PrometheusName.label`.
public struct MetricLabel: Sendable, Hashable, Comparable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    public static func < (left: MetricLabel, right: MetricLabel) -> Bool {
        (left.name, left.value) < (right.name, right.value)
    }
}

/// All series of one name.
public struct MetricFamily: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable {
        case counter, gauge, histogram
    }

    /// One line of a scrape.
    public struct Sample: Sendable, Hashable {
        /// What follows the family's name: `_bucket`, `_sum`, `_count` of a histogram; else empty.
        public var suffix: String
        public var labels: [MetricLabel]
        public var value: Double

        public init(_ value: Double, labels: [MetricLabel] = [], suffix: String = "") {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }

        public init(_ value: Int, labels: [MetricLabel] = []) {
            self.init(Double(value), labels: labels)
        }
    }

    /// The name as it is written; `PrometheusName.metric` makes one.
    public var name: String
    public var kind: Kind
    /// One sentence for the `HELP` line; nil: none.
    public var help: String?
    public var samples: [Sample]

    public init(name: String, kind: Kind, help: String? = nil, samples: [Sample]) {
        self.name = name
        self.kind = kind
        self.help = help
        self.samples = samples
    }
}
