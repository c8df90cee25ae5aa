// Requests, counted and timed by route pattern: paths themselves would be a series each.

internal import CoreMetrics
internal import Hummingbird
internal import Telemetry

/// Counts requests.
struct HTTPMetrics: Sendable {
    private let registry: PrometheusRegistry

    init(registry: PrometheusRegistry) {
        self.registry = registry
        registry.describe("chorewheel_http_requests_total", "Requests, by method, route and status.")
        registry.describe(
            "chorewheel_http_request_duration_seconds", "Time from a request's head to its answer, in seconds.")
    }

    func record(method: HTTPRequest.Method, route: String, status: Int, _ duration: Duration) {
        let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]
        let labels = [("method", known.contains(method) ? method.rawValue : "other"), ("route", route)]
        Counter(
            label: "http_requests_total", dimensions: labels + [("status", "\(status)")], factory: self.registry
        ).increment()
        Timer(label: "http_request_duration_seconds", dimensions: labels, factory: self.registry)
            .recordNanoseconds(Int64(duration / .nanoseconds(1)))
    }
}
