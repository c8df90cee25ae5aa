// One series each: what swift-metrics calls a handler. Counting is an atomic addition; no lock on the hot path.

internal import CoreMetrics
internal import Synchronization

/// A series that can say what it has counted.
protocol Series: AnyObject, Sendable {
    func samples(labels: [MetricLabel]) -> [MetricFamily.Sample]
}

/// Only grows. Overflow wraps, after 2^63.
final class CounterSeries: Series, CounterHandler {
    private let count = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        // A counter that falls is taken for a restart: negative amounts are a caller's mistake and change nothing.
        guard amount > 0 else { return }
        self.count.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() { self.count.store(0, ordering: .relaxed) }

    func samples(labels: [MetricLabel]) -> [MetricFamily.Sample] {
        [.init(Double(self.count.load(ordering: .relaxed)), labels: labels)]
    }
}

/// Only grows, by fractions too.
final class FloatingPointCounterSeries: Series, FloatingPointCounterHandler {
    private let sum = AtomicDouble()

    func increment(by amount: Double) {
        guard amount > 0, amount.isFinite else { return }
        self.sum.add(amount)
    }

    func reset() { self.sum.store(0) }

    func samples(labels: [MetricLabel]) -> [MetricFamily.Sample] { [.init(self.sum.load(), labels: labels)] }
}

/// Goes up and down.
final class GaugeSeries: Series, MeterHandler, RecorderHandler {
    private let value = AtomicDouble()

    func set(_ value: Int64) { self.value.store(Double(value)) }
    func set(_ value: Double) { self.value.store(value) }
    func increment(by amount: Double) { self.value.add(amount) }
    func decrement(by amount: Double) { self.value.add(-amount) }
    func record(_ value: Int64) { self.value.store(Double(value)) }
    func record(_ value: Double) { self.value.store(value) }

    func samples(labels: [MetricLabel]) -> [MetricFamily.Sample] { [.init(self.value.load(), labels: labels)] }
}

/// Counts observations by fixed upper bounds.
final class HistogramSeries: Series, TimerHandler, RecorderHandler {
    /// 0.5 ms to 5 minutes: from a claim to a migration. In seconds.
    static let secondsBounds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
    /// For recorders, whose unit nobody tells: sizes and counts.
    static let plainBounds: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000, 1_000_000]

    private let bounds: [Double]
    /// One a bound, and one for what is above all.
    private let counts: [AtomicCount]
    private let sum = AtomicDouble()

    init(bounds: [Double]) {
        self.bounds = bounds
        self.counts = (0...bounds.count).map { _ in AtomicCount() }
    }

    func recordNanoseconds(_ duration: Int64) { self.observe(Double(duration) / 1e9) }
    func record(_ value: Int64) { self.observe(Double(value)) }
    func record(_ value: Double) { self.observe(value) }

    private func observe(_ value: Double) {
        guard value.isFinite else { return }
        var index = 0
        while index < self.bounds.count, value > self.bounds[index] { index += 1 }
        self.counts[index].increment()
        self.sum.add(value)
    }

    func samples(labels: [MetricLabel]) -> [MetricFamily.Sample] {
        var samples: [MetricFamily.Sample] = []
        var total = 0
        for (index, count) in self.counts.enumerated() {
            total += count.load()
            let bound = index < self.bounds.count ? PrometheusText.number(self.bounds[index]) : "+Inf"
            samples.append(.init(Double(total), labels: labels + [MetricLabel("le", bound)], suffix: "_bucket"))
        }
        samples.append(.init(self.sum.load(), labels: labels, suffix: "_sum"))
        // The same total as the last bucket's: readers hold it against them.
        samples.append(.init(Double(total), labels: labels, suffix: "_count"))
        return samples
    }
}

/// A counter to be put into arrays; `Atomic` itself cannot be copied.
final class AtomicCount: Sendable {
    private let value = Atomic<Int>(0)

    func increment() { self.value.wrappingAdd(1, ordering: .relaxed) }
    func load() -> Int { self.value.load(ordering: .relaxed) }
}

/// A double that threads add to.
final class AtomicDouble: Sendable {
    private let bits = Atomic<UInt64>(0)

    func load() -> Double { Double(bitPattern: self.bits.load(ordering: .relaxed)) }
    func store(_ value: Double) { self.bits.store(value.bitPattern, ordering: .relaxed) }

    func add(_ amount: Double) {
        var known = self.bits.load(ordering: .relaxed)
        while true {
            let sum = (Double(bitPattern: known) + amount).bitPattern
            let (exchanged, original) = self.bits.weakCompareExchange(
                expected: known, desired: sum, ordering: .relaxed)
            if exchanged { return }
            known = original
        }
    }
}
