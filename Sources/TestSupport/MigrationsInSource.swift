// Where the migrations of this source tree are, for tests that apply them.

/// The migrations of this source tree.
public enum MigrationsInSource {
    /// The `migrations` directory, found from this file.
    public static let directory =
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        + "/migrations"
}
