// What the figures were measured on, for the report's head.

internal import Processes

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// The machine, and what it was busy with.
struct MachineDescription: Codable, Sendable {
    let cores: Int
    let processor: String
    let memoryGigabytes: Double
    let kernel: String

    /// From /proc; what it does not tell is "unknown".
    static func current() -> MachineDescription {
        let kilobytes = Self.member("MemTotal", of: "/proc/meminfo").flatMap { Double($0.prefix { $0.isNumber }) }
        return MachineDescription(
            cores: sysconf(Int32(_SC_NPROCESSORS_ONLN)),
            processor: Self.member("model name", of: "/proc/cpuinfo") ?? "unknown",
            memoryGigabytes: (kilobytes ?? 0) / 1_048_576,
            kernel: Self.line(of: "/proc/sys/kernel/osrelease") ?? "unknown")
    }

    /// The load average of the last 1, 5 and 15 minutes.
    static func load() -> String {
        (Self.line(of: "/proc/loadavg") ?? "unknown").split(separator: " ").prefix(3).joined(separator: ", ")
    }

    private static func line(of path: String) -> String? {
        FileSystem.text(ofFileThatMayVanish: path)?.split(whereSeparator: \.isNewline).first.map(String.init)
    }

    /// The value of the first line `name: value`.
    private static func member(_ name: String, of path: String) -> String? {
        let lines = FileSystem.text(ofFileThatMayVanish: path)?.split(whereSeparator: \.isNewline) ?? []
        guard let line = lines.first(where: { $0.hasPrefix(name) }), let colon = line.firstIndex(of: ":") else {
            return nil
        }
        return String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
    }
}
