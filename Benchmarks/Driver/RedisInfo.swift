// What Redis' INFO says.

/// The lines `name:value` of an INFO reply.
struct RedisInfo {
    private let lines: [Substring]

    init(_ reply: String) { self.lines = reply.split(whereSeparator: \.isNewline) }

    func text(_ name: String) -> String? {
        let prefix = "\(name):"
        return self.lines.first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    func number(_ name: String) -> Double { self.text(name).flatMap { Double($0) } ?? 0 }

    /// How often each command of the `commandstats` section was called, by clients and by scripts.
    var calls: [String: Double] {
        var calls: [String: Double] = [:]
        for line in self.lines where line.hasPrefix("cmdstat_") {
            // `cmdstat_get:calls=3,usec=…`
            let parts = line.dropFirst("cmdstat_".count).split(separator: ":")
            guard parts.count == 2, let count = parts[1].split(separator: ",").first?.split(separator: "=").last else {
                continue
            }
            calls[String(parts[0])] = Double(count)
        }
        return calls
    }
}
