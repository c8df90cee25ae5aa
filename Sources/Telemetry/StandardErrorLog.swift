// Where log lines go: standard error, each by one write(2), so that lines of threads and of processes that share the
// file do not mix. It is not a file rotator nor a network client: whoever runs the process collects its standard error.
//
// A reader that does not read makes write(2) block, as it does for every process; a non-blocking descriptor is waited
// for up to `patience`, then the line is dropped and the next one says how many were.

public import Logging
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// Sets up swift-log for this process. Once, first thing in `main`.
public func bootstrapLogging(format: LogFormat, level: Logger.Level) {
    LoggingSystem.bootstrap(
        { label, provider in
            LineLogHandler(
                label: label, format: format, logLevel: level, metadataProvider: provider, now: LogTime.now,
                write: { StandardError.shared.write($0) })
        },
        metadataProvider: nil
    )
}

/// Formats events and hands the lines on.
struct LineLogHandler: LogHandler {
    let label: String
    let format: LogFormat
    var logLevel: Logger.Level
    var metadataProvider: Logger.MetadataProvider?
    var metadata: Logger.Metadata = [:]
    let now: @Sendable () -> LogTime
    let write: @Sendable ([UInt8]) -> Void

    init(
        label: String, format: LogFormat, logLevel: Logger.Level, metadataProvider: Logger.MetadataProvider? = nil,
        now: @escaping @Sendable () -> LogTime, write: @escaping @Sendable ([UInt8]) -> Void
    ) {
        self.label = label
        self.format = format
        self.logLevel = logLevel
        self.metadataProvider = metadataProvider
        self.now = now
        self.write = write
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var metadata = self.metadata
        // What is nearer to the event wins.
        if let provided = self.metadataProvider?.get() { metadata.merge(provided) { _, new in new } }
        if let given = event.metadata { metadata.merge(given) { _, new in new } }
        let line = LogLine(
            time: self.now(), level: event.level, label: self.label, message: "\(event.message)",
            error: event.error.map { "\($0)" }, source: event.source, metadata: metadata)
        self.write(line.bytes(self.format))
    }
}

/// The descriptor, with a lock that keeps a line longer than a pipe's buffer whole.
final class StandardError: Sendable {
    static let shared = StandardError()

    /// How long a full non-blocking descriptor is waited for.
    static let patience: Duration = .milliseconds(100)

    private let dropped = Mutex(0)

    func write(_ line: [UInt8]) {
        self.dropped.withLock { dropped in
            if dropped > 0, Self.writeAll(Array("chorewheel: \(dropped) log lines were dropped\n".utf8)) { dropped = 0 }
            if !Self.writeAll(line) { dropped += 1 }
        }
    }

    /// - Returns: False when the descriptor is closed, broken or full.
    private static func writeAll(_ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { buffer in
                #if canImport(Glibc)
                Glibc.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
                #elseif canImport(Musl)
                Musl.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
                #else
                Darwin.write(STDERR_FILENO, buffer.baseAddress, buffer.count)
                #endif
            }
            if count > 0 {
                written += count
            } else if count < 0, errno == EAGAIN {
                var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                guard poll(&descriptor, 1, Int32(Self.patience / .milliseconds(1))) > 0 else { return false }
            } else if count == 0 || errno != EINTR {
                return false
            }
        }
        return true
    }
}
