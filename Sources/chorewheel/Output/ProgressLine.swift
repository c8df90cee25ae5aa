// How far something is, in one line. Pure; `FleetProgress` shows it.

struct ProgressLine: Sendable, Hashable {
    var done: Int
    var failed: Int
    var deferred: Int
    var total: Int

    /// `[########        ]  10 of 20  1 failed  2 deferred`
    ///
    /// - Parameter width: of the bar, in characters.
    func text(width: Int = 30) -> String {
        let ended = self.done + self.failed
        let filled = self.total == 0 ? width : width * ended / self.total
        var text = "[\(String(repeating: "#", count: filled))\(String(repeating: " ", count: width - filled))]"
        text += "  \(ended) of \(self.total)"
        if self.failed > 0 { text += "  \(self.failed) failed" }
        if self.deferred > 0 { text += "  \(self.deferred) deferred" }
        return text
    }
}
