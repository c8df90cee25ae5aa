// The plugin: what it is called and which handlers it brings. See README.md.

public import WorkerKit

/// Brings Stripe's events to `subscriptions` and `families`.
public struct StripeWebhookPlugin: WorkerPlugin {
    public let name = "StripeWebhook"

    public init() {}

    public func register(in registry: inout HandlerRegistry) {
        registry.add(ProcessStripeEventHandler())
    }
}
