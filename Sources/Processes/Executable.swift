// Where this very program is, and where others are.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

public enum Executable {
    /// The absolute path of the running program: what `leash:` parameters want inside `chorewheel` itself.
    ///
    /// - Throws: `.fileSystem` when the system cannot tell.
    public static func current() throws(ProcessError) -> String {
        #if canImport(Darwin)
        var size: UInt32 = 4096
        var buffer = [CChar](repeating: 0, count: Int(size))
        guard _NSGetExecutablePath(&buffer, &size) == 0 else {
            throw ProcessError(.fileSystem, "cannot tell the path of this program")
        }
        let path = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        #else
        let path = "/proc/self/exe"
        #endif
        guard let resolved = FileSystem.resolved(path) else {
            throw ProcessError(.fileSystem, "cannot tell the path of this program", errorNumber: errno)
        }
        return resolved
    }

    /// The first executable called `name` in `directories`, or else in `PATH`.
    package static func find(_ name: String, in directories: [String] = []) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/local/bin:/usr/bin:/bin"
        let all = directories + path.split(separator: ":").map(String.init)
        return all.map { "\($0)/\(name)" }.first { FileSystem.isExecutable($0) }
    }
}
