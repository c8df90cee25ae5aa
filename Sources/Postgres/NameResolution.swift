// Turns a host name into numeric addresses. libpq would do it inside `PQconnectStart` and block the loop's thread;
// `getaddrinfo` blocks a Dispatch thread instead.

import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A look-up under way on a Dispatch thread; it interrupts the wait when it is done.
final class NameResolution: Sendable {
    private let answer = Mutex<Result<[String], PostgresError>?>(nil)

    /// The addresses or the failure, once there is one.
    var result: Result<[String], PostgresError>? { answer.withLock { $0 } }

    /// Starts to look the host up; it cannot be stopped, but nobody has to wait for it.
    static func start(_ host: String, waking loop: PostgresLoop, _ key: WaitKey) -> NameResolution {
        let resolution = NameResolution()
        DispatchQueue.global().async {
            let result = lookUp(host)
            resolution.answer.withLock { $0 = result }
            loop.interrupt(key)
        }
        return resolution
    }

    /// Whether the host is neither an address nor a socket's directory.
    static func isNeeded(for configuration: PostgresConfiguration) -> Bool {
        guard !configuration.isUnixSocket else { return false }
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, configuration.host, &four) != 1 && inet_pton(AF_INET6, configuration.host, &six) != 1
    }

    /// Blocks.
    private static func lookUp(_ host: String) -> Result<[String], PostgresError> {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let failure = getaddrinfo(host, nil, &hints, &list)
        guard failure == 0 else {
            let reason = gai_strerror(failure).map { String(cString: $0) } ?? "error \(failure)"
            return .failure(PostgresError(.connectionFailed, "host '\(host)' cannot be resolved: \(reason)"))
        }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var entry = list
        while let current = entry?.pointee {
            if let text = numericText(of: current), !addresses.contains(text) { addresses.append(text) }
            entry = current.ai_next
        }
        guard !addresses.isEmpty else {
            return .failure(PostgresError(.connectionFailed, "host '\(host)' has no address"))
        }
        return .success(addresses)
    }

    private static func numericText(of entry: addrinfo) -> String? {
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let failure = getnameinfo(
            entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        guard failure == 0 else { return nil }
        return String(decoding: text.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
