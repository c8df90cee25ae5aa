// What the kernel says of a process.

internal import Processes

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A process' memory and time, from /proc; zero where there is none.
struct ProcessFigures {
    let id: Int32

    /// Memory of its own that is in use, in bytes: without files, of which the board is one.
    var residentBytes: Int {
        let lines = FileSystem.text(ofFileThatMayVanish: "/proc/\(self.id)/status")?.split(whereSeparator: \.isNewline)
        let line = lines?.first { $0.hasPrefix("RssAnon:") }
        return (line.flatMap { Int($0.filter(\.isNumber)) } ?? 0) * 1024
    }

    /// Seconds of a core, by it and for it.
    var processorSeconds: Double {
        // `pid (name) state …`: the name may hold blanks; user and system time are fields 14 and 15.
        guard let text = FileSystem.text(ofFileThatMayVanish: "/proc/\(self.id)/stat"),
            let bracket = text.lastIndex(of: ")")
        else { return 0 }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
