// The random password of a private server, made once and kept in a file that only its owner reads.

internal import Processes

enum Secret {
    /// 256 random bits as 64 hexadecimal digits: safe in URLs, configuration files and SQL alike.
    static func loadOrMake(file: String) throws(ProcessError) -> String {
        if let text = try FileSystem.text(of: file) {
            let secret = text.filter { !$0.isWhitespace }
            guard secret.count >= 32 else {
                throw ProcessError(.fileSystem, "\(file) does not hold a password; restore it, or start anew")
            }
            return secret
        }
        var generator = SystemRandomNumberGenerator()
        let secret = (0..<4).map { _ in
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
        try FileSystem.write(secret + "\n", to: file, mode: 0o600)
        return secret
    }
}
