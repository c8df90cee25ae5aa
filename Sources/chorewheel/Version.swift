// The one place that knows which version this is.

enum Version {
    /// As `--version` prints it and sessions tell it; a Semantic Version.
    static let current = "0.1.0"
}
