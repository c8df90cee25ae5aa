// What travels with a request.

package import Hummingbird

/// A request's context.
package struct APIContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// In the answer's `X-Request-Id`, in problems, and in the log.
    package var requestID = ""

    package init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
    }
}

/// Bounds of single requests; a batch's is a setting.
enum RequestLimits {
    /// A payload and the members around it.
    static let jobBytesMax = 256 * 1024 + 16 * 1024
    static let signUpBytesMax = 16 * 1024
    /// Stripe's own events stay far below.
    static let webhookBytesMax = 256 * 1024
    /// The most jobs of one batch: as many as are enqueued well within `requestTimeout`.
    static let batchJobsMax = 1000
    /// A longer request id is not taken over.
    static let requestIDBytesMax = 64
    /// How many broken rules one answer names.
    static let errorsMax = 100
}

/// The name of a header. (HTTPTypes itself is not a dependency of this package; Hummingbird passes its types on.)
typealias HeaderName = HTTPFields.Element.Name

extension HeaderName {
    static let requestID = Self.known("X-Request-Id")
    static let idempotencyKey = Self.known("Idempotency-Key")
    static let stripeSignature = Self.known("Stripe-Signature")

    private static func known(_ text: StaticString) -> Self {
        guard let name = Self("\(text)") else { preconditionFailure("\"\(text)\" is no name of a header") }
        return name
    }
}
