// The metrics of this process: the backend of swift-metrics, and what `/metrics` renders. Not the metrics of other
// processes: whoever serves a scrape adds those (`render(adding:)`).
//
// Invariants:
// 1. A name has one kind; a second maker of another kind gets a series that counts and is shown nowhere.
// 2. A name has at most `seriesMax` series; those that come later are one series whose label values are all `other`,
//    and `chorewheel_metrics_folded_total` counts how often that was so. An attacker's paths cannot fill the memory.
// 3. A series lives as long as the process: a counter that vanished and came back would look like a restart.

public import CoreMetrics
internal import Synchronization

/// Collects metrics and renders them in the Prometheus text format.
public final class PrometheusRegistry: MetricsFactory {
    /// How many series one name may have.
    public let seriesMax: Int
    private let state = Mutex(State())

    fileprivate struct State {
        var entries: [String: Entry] = [:]
        var help: [String: String] = [:]
        var collectors: [@Sendable () -> [MetricFamily]] = []
        var folded: [String: Int] = [:]
    }

    fileprivate struct Entry {
        let kind: MetricFamily.Kind
        var series: [[MetricLabel]: any Series] = [:]
    }

    public init(seriesMax: Int = 500) {
        precondition(seriesMax >= 1, "seriesMax must be at least 1")
        self.seriesMax = seriesMax
    }

    /// Says what a metric means, for its `HELP` line.
    ///
    /// - Parameter name: As it is rendered, with prefix and suffix.
    public func describe(_ name: String, _ help: String) {
        self.state.withLock { $0.help[name] = help }
    }

    /// Registers a source that is asked at every render. It must not block: what needs a store is for
    /// `render(adding:)`.
    public func collect(_ collector: @escaping @Sendable () -> [MetricFamily]) {
        self.state.withLock { $0.collectors.append(collector) }
    }

    /// Everything, in the text format.
    ///
    /// - Parameter others: Families that the caller gathered elsewhere.
    public func render(adding others: [MetricFamily] = []) -> String {
        let collectors = self.state.withLock { $0.collectors }
        let sampled = collectors.flatMap { $0() }
        let (own, help) = self.state.withLock { ($0.families(), $0.help) }
        return PrometheusText.render(
            (own + sampled + others).map { family in
                var family = family
                family.help = family.help ?? help[family.name]
                return family
            })
    }

    // MARK: - MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.series(PrometheusName.metric(label, suffix: "_total"), .counter, dimensions) { CounterSeries() }
    }

    public func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        self.series(PrometheusName.metric(label, suffix: "_total"), .counter, dimensions) {
            FloatingPointCounterSeries()
        }
    }

    public func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.series(PrometheusName.metric(label), .gauge, dimensions) { GaugeSeries() }
    }

    public func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        let name = PrometheusName.metric(label)
        guard aggregate else { return self.series(name, .gauge, dimensions) { GaugeSeries() } }
        return self.series(name, .histogram, dimensions) { HistogramSeries(bounds: HistogramSeries.plainBounds) }
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.series(PrometheusName.metric(label, suffix: "_seconds"), .histogram, dimensions) {
            HistogramSeries(bounds: HistogramSeries.secondsBounds)
        }
    }

    // Invariant 3.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    public func destroyMeter(_ handler: any MeterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func series<S: Series>(
        _ name: String, _ kind: MetricFamily.Kind, _ dimensions: [(String, String)], make: () -> S
    ) -> S {
        let labels = dimensions.map { MetricLabel(PrometheusName.label($0.0), $0.1) }.sorted()
        return self.state.withLock { state in
            state.series(name, kind, labels, max: self.seriesMax, make: make)
        }
    }
}

extension PrometheusRegistry.State {
    mutating func series<S: Series>(
        _ name: String, _ kind: MetricFamily.Kind, _ labels: [MetricLabel], max: Int, make: () -> S
    ) -> S {
        let entry = self.entries[name]
        if let known = entry?.series[labels] { return known as? S ?? make() }
        guard entry.map({ $0.kind == kind }) ?? true else { return make() }
        var labels = labels
        if let entry, entry.series.count >= max, !labels.isEmpty {
            labels = labels.map { MetricLabel($0.name, "other") }
            self.folded[name, default: 0] += 1
            if let known = entry.series[labels] { return known as? S ?? make() }
        }
        let series = make()
        self.entries[name, default: .init(kind: kind)].series[labels] = series
        return series
    }

    func families() -> [MetricFamily] {
        var families = self.entries.map { name, entry in
            MetricFamily(
                name: name, kind: entry.kind,
                samples: entry.series.sorted { $0.key.lexicographicallyPrecedes($1.key) }
                    .flatMap { $0.value.samples(labels: $0.key) })
        }
        if !self.folded.isEmpty {
            families.append(
                MetricFamily(
                    name: "chorewheel_metrics_folded_total", kind: .counter,
                    help: "How often a series was counted as \"other\" because its name had too many.",
                    samples: self.folded.map { .init($0.value, labels: [MetricLabel("metric", $0.key)]) }))
        }
        return families
    }
}
