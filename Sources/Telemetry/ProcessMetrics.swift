// What the operating system says of this process, under the names that Prometheus gives them in every language.

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Samples of this process: CPU, memory, descriptors. For `PrometheusRegistry.collect`.
public enum ProcessMetrics {
    /// Reads `/proc`, which takes microseconds; figures that the system does not offer are left out.
    public static func families() -> [MetricFamily] {
        var families = [
            MetricFamily(
                name: "process_cpu_seconds_total", kind: .counter, help: "User and system CPU time in seconds.",
                samples: [.init(self.cpuSeconds())])
        ]
        func gauge(_ name: String, _ help: String, _ value: Double?) {
            guard let value else { return }
            families.append(MetricFamily(name: name, kind: .gauge, help: help, samples: [.init(value)]))
        }
        gauge("process_resident_memory_bytes", "Resident memory in bytes.", self.residentBytes())
        gauge("process_open_fds", "Open file descriptors.", self.openDescriptors())
        gauge("process_max_fds", "The most file descriptors that may be open.", self.descriptorsMax())
        return families
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// The second field of statm is in pages.
    private static func residentBytes() -> Double? {
        let fields = self.read("/proc/self/statm")?.split(separator: " ") ?? []
        guard fields.count > 1, let pages = Double(fields[1]) else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func openDescriptors() -> Double? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        // ".", ".." and the descriptor of the directory itself are there too.
        var count = -3
        while readdir(directory) != nil { count += 1 }
        return Double(count)
    }

    private static func descriptorsMax() -> Double? {
        Double(sysconf(Int32(_SC_OPEN_MAX)))
    }

    private static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = bytes.withUnsafeMutableBytes { buffer in
            #if canImport(Glibc)
            Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            #elseif canImport(Musl)
            Musl.read(descriptor, buffer.baseAddress, buffer.count)
            #else
            Darwin.read(descriptor, buffer.baseAddress, buffer.count)
            #endif
        }
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
