// What a scrape shows of what was counted.

import CoreMetrics
import Testing

@testable import Telemetry

@Suite struct PrometheusRegistryTests {
    let registry = PrometheusRegistry(seriesMax: 3)

    @Test func `Counters are summed by labels, in sorted order`() {
        registry.describe("chorewheel_jobs_done_total", "Jobs that ended.")
        Counter(label: "jobs.done", dimensions: [("queue", "b"), ("kind", "x")], factory: registry).increment()
        Counter(label: "jobs.done", dimensions: [("kind", "x"), ("queue", "b")], factory: registry).increment(by: 2)
        Counter(label: "jobs.done", dimensions: [("kind", "a"), ("queue", "b")], factory: registry).increment()
        #expect(
            registry.render() == """
                # HELP chorewheel_jobs_done_total Jobs that ended.
                # TYPE chorewheel_jobs_done_total counter
                chorewheel_jobs_done_total{kind="a",queue="b"} 1
                chorewheel_jobs_done_total{kind="x",queue="b"} 3

                """)
    }

    @Test func `Label values and help are escaped`() {
        registry.describe("chorewheel_odd", "a\\b\nc \"d\"")
        Gauge(label: "odd", dimensions: [("v", "a\\b\nc \"d\"")], factory: registry).record(1.5)
        #expect(
            registry.render() == """
                # HELP chorewheel_odd a\\\\b\\nc "d"
                # TYPE chorewheel_odd gauge
                chorewheel_odd{v="a\\\\b\\nc \\"d\\""} 1.5

                """)
    }

    @Test func `A timer is a histogram in seconds whose buckets accumulate`() {
        let timer = Timer(label: "run", dimensions: [("kind", "x")], factory: registry)
        timer.recordNanoseconds(1_000_000)  // exactly a bound: it belongs to it
        timer.recordNanoseconds(2_000_000_000)
        timer.recordNanoseconds(1_000_000_000_000)
        let lines = registry.render().split(separator: "\n")
        #expect(lines.first == "# TYPE chorewheel_run_seconds histogram")
        #expect(lines.contains("chorewheel_run_seconds_bucket{kind=\"x\",le=\"0.0005\"} 0"))
        #expect(lines.contains("chorewheel_run_seconds_bucket{kind=\"x\",le=\"0.001\"} 1"))
        #expect(lines.contains("chorewheel_run_seconds_bucket{kind=\"x\",le=\"2.5\"} 2"))
        #expect(lines.contains("chorewheel_run_seconds_bucket{kind=\"x\",le=\"300\"} 2"))
        #expect(
            lines.suffix(3) == [
                "chorewheel_run_seconds_bucket{kind=\"x\",le=\"+Inf\"} 3",
                "chorewheel_run_seconds_sum{kind=\"x\"} 1002.001",
                "chorewheel_run_seconds_count{kind=\"x\"} 3",
            ])
    }

    @Test func `Meters go up and down`() {
        let meter = Meter(label: "open", factory: registry)
        meter.increment(by: 3)
        meter.decrement()
        #expect(registry.render().contains("\nchorewheel_open 2\n"))
    }

    @Test func `What passes the bound is folded into other, and counted`() {
        for path in ["a", "b", "c", "d", "e"] {
            Counter(label: "hits", dimensions: [("path", path)], factory: registry).increment()
        }
        let text = registry.render()
        #expect(text.contains("chorewheel_hits_total{path=\"c\"} 1"))
        #expect(text.contains("chorewheel_hits_total{path=\"other\"} 2"))
        #expect(!text.contains("path=\"d\""))
        #expect(text.contains("chorewheel_metrics_folded_total{metric=\"chorewheel_hits_total\"} 2"))
    }

    @Test func `A name of another kind counts but is not shown`() {
        Counter(label: "thing_total", factory: registry).increment()
        Gauge(label: "thing_total", factory: registry).record(7)
        #expect(registry.render() == "# TYPE chorewheel_thing_total counter\nchorewheel_thing_total 1\n")
    }

    @Test func `Negative amounts do not make a counter fall`() {
        let counter = Counter(label: "n", factory: registry)
        counter.increment(by: 2)
        counter.increment(by: -1)
        #expect(registry.render().contains("chorewheel_n_total 2\n"))
    }

    @Test func `Collectors' and the caller's families are merged by name`() {
        registry.collect {
            [MetricFamily(name: "chorewheel_depth", kind: .gauge, samples: [.init(1, labels: [.init("queue", "b")])])]
        }
        let text = registry.render(adding: [
            MetricFamily(
                name: "chorewheel_depth", kind: .gauge, help: "Depth.",
                samples: [.init(2, labels: [.init("queue", "a")])])
        ])
        #expect(
            text == """
                # HELP chorewheel_depth Depth.
                # TYPE chorewheel_depth gauge
                chorewheel_depth{queue="a"} 2
                chorewheel_depth{queue="b"} 1

                """)
    }

    @Test func `Increments of many tasks are all counted`() async {
        let counter = Counter(label: "many", factory: registry)
        let total = FloatingPointCounter(label: "sum", factory: registry)
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        counter.increment()
                        total.increment(by: 0.5)
                    }
                }
            }
        }
        #expect(registry.render().contains("chorewheel_many_total 8000\n"))
        #expect(registry.render().contains("chorewheel_sum_total 4000\n"))
    }

    @Test(arguments: [
        ("hb.requests", "chorewheel_hb_requests"), ("chorewheel_x", "chorewheel_x"), ("1st", "chorewheel__1st"),
        ("process_cpu", "process_cpu"), ("grüße", "chorewheel_gr____e"), ("", "chorewheel__"),
    ])
    func `Names become legal`(label: String, name: String) {
        #expect(PrometheusName.metric(label) == name)
    }

    @Test(arguments: [
        (0, "0"), (-3, "-3"), (0.1, "0.1"), (1e300, "1e+300"), (Double.infinity, "+Inf"),
        (-Double.infinity, "-Inf"), (Double.nan, "NaN"), (9_007_199_254_740_991, "9007199254740991"),
    ])
    func `Numbers are as Prometheus reads them`(value: Double, text: String) {
        #expect(PrometheusText.number(value) == text)
    }

    @Test func `The process shows its CPU time, memory and descriptors`() {
        let names = ProcessMetrics.families().map(\.name)
        #expect(names.contains("process_cpu_seconds_total"))
        #if os(Linux)
        let families = ProcessMetrics.families()
        #expect(families.first { $0.name == "process_resident_memory_bytes" }?.samples.first?.value ?? 0 > 1_000_000)
        #expect(families.first { $0.name == "process_open_fds" }?.samples.first?.value ?? 0 >= 3)
        #endif
    }
}
