// Finds the `chorewheel` that was built together with the running tests.

internal import LocalServers
public import Processes

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// The built executable.
public enum BuiltExecutable {
    /// Its absolute path. On Linux the tests are an executable in the build directory, so it is beside us; on macOS
    /// they are a bundle there that a helper of the toolchain loads, so it is beside the bundle, whose path is an
    /// argument. `CHOREWHEEL_EXECUTABLE` wins over both.
    ///
    /// - Throws: `.missingProgram` saying where it was looked for.
    public static func path() throws(ProcessError) -> String {
        if let variable = getenv("CHOREWHEEL_EXECUTABLE") { return String(cString: variable) }
        var directories: [String] = []
        for path in [try Executable.current()] + CommandLine.arguments where path.hasPrefix("/") {
            var directory = path.split(separator: "/").dropLast()
            // Out of Contents/MacOS and the bundle.
            while !directory.isEmpty, directories.count < 32 {
                directories.append("/" + directory.joined(separator: "/"))
                guard directory.contains(where: { $0.hasSuffix(".xctest") }) else { break }
                directory = directory.dropLast()
            }
        }
        let candidates = directories.map { "\($0)/chorewheel" }
        if let found = candidates.first(where: { access($0, X_OK) == 0 }) { return found }
        throw ProcessError(
            .missingProgram,
            "chorewheel is not built (looked for \(candidates.joined(separator: ", "))): run swift build first")
    }
}
