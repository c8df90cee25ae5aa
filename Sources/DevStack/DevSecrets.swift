// The secrets of a development stack: made once, kept in its directory, so that they survive restarts.

internal import LocalServers
internal import Processes
internal import Tenancy

/// Token, webhook secret and sealing key of a stack.
struct DevSecrets {
    let environment: [String: String]

    /// Reads them, or makes new ones. Each is in a file of its own that only its owner can read.
    static func loadOrMake(in directory: String) throws -> DevSecrets {
        func secret(_ name: String, _ make: () -> String) throws -> String {
            let path = "\(directory)/\(name)"
            if let text = try FileSystem.text(of: path)?.split(whereSeparator: \.isWhitespace).first {
                return String(text)
            }
            let text = make()
            try FileSystem.write("\(text)\n", to: path, mode: 0o600)
            return text
        }
        return DevSecrets(environment: [
            "CHOREWHEEL_TOKEN": try secret("token") { "cw_\(Self.random())" },
            "STRIPE_WEBHOOK_SECRET": try secret("stripe.secret") { "whsec_\(Self.random())" },
            "CHOREWHEEL_SECRET_KEYS": try secret("secret.keys") { SecretBox.makeKey(id: "dev1") },
        ])
    }

    /// 192 random bits as letters and digits.
    private static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<3).map { _ in
            let text = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }
}
