// Who descends from whom, at this moment. PostgreSQL's backends lead process groups of their own, so neither stopping
// nor killing the postmaster's group reaches them; this does. A snapshot: a process may be born or end while it is
// taken.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

package enum ProcessTree {
    /// The processes below `ancestor`, nearest first, without itself. Empty when it has none or is gone.
    package static func descendants(of ancestor: Int32) -> [Int32] {
        var found: [Int32] = []
        #if canImport(Darwin)
        var next = [ancestor]
        while let parent = next.popLast() {
            var buffer = [pid_t](repeating: 0, count: 4096)
            let count = proc_listchildpids(parent, &buffer, Int32(buffer.count * MemoryLayout<pid_t>.size))
            let children = buffer.prefix(Int(max(0, count))).filter { $0 > 0 }
            found += children
            next += children
        }
        #else
        var children: [Int32: [Int32]] = [:]
        for name in FileSystem.names(in: "/proc") {
            guard let pid = Int32(name), let parent = self.parent(of: pid) else { continue }
            children[parent, default: []].append(pid)
        }
        var next = [ancestor]
        while let parent = next.popLast() {
            let below = children[parent] ?? []
            found += below
            next += below
        }
        #endif
        return found
    }

    /// Whether a process with this id exists and has not ended. (A zombie has ended.)
    static func isAlive(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0 || errno == EPERM else { return false }
        #if canImport(Darwin)
        return true
        #else
        return self.status(of: pid).map { $0.state != "Z" && $0.state != "X" } ?? false
        #endif
    }

    #if !canImport(Darwin)
    private static func parent(of pid: Int32) -> Int32? { self.status(of: pid)?.parent }

    /// State letter and parent from `/proc/<pid>/stat`: `pid (name) state ppid …`; the name may hold spaces and
    /// brackets, so fields are counted from the last bracket.
    private static func status(of pid: Int32) -> (state: Character, parent: Int32)? {
        guard let text = FileSystem.text(ofFileThatMayVanish: "/proc/\(pid)/stat"),
            let bracket = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count >= 2, let state = fields[0].first, let parent = Int32(fields[1]) else { return nil }
        return (state, parent)
    }
    #endif
}
