// Who may call: whoever has one of the tokens (RFC 6750).

internal import Crypto
internal import Hummingbird

/// Refuses requests without a valid bearer token.
struct BearerAuthentication: RouterMiddleware {
    typealias Context = APIContext

    /// Digests have one length, and swift-crypto compares them in constant time: neither a token's length nor how much
    /// of it was guessed shows in the time of the answer.
    private let digests: [SHA256.Digest]

    init(tokens: [String]) { self.digests = tokens.map { SHA256.hash(data: Array($0.utf8)) } }

    func handle(
        _ request: Request, context: APIContext, next: (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        guard let header = request.headers[.authorization] else {
            throw Problem(.unauthorized, "Send a token: \"Authorization: Bearer <token>\".")
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw Problem(.unauthorized, "The Authorization header must be \"Bearer <token>\".")
        }
        guard self.knows(String(parts[1])) else {
            var problem = Problem(.unauthorized, "The token is not known.")
            problem.headers[.wwwAuthenticate] = "Bearer realm=\"chorewheel\", error=\"invalid_token\""
            throw problem
        }
        return try await next(request, context)
    }

    private func knows(_ token: String) -> Bool {
        let digest = SHA256.hash(data: Array(token.utf8))
        // All of them, whichever matches.
        return self.digests.reduce(false) { found, known in (digest == known) || found }
    }

    /// Whether a text is a token that the header can carry (RFC 6750, `b68token`).
    static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "-._~+/=".utf8.contains(byte)
                }
            }
    }
}
