// Errors of the libraries below, in plain words. Their own texts name their types and functions; what a person needs is
// what the system said, which is a number inside, and what it was said of, which only the caller knows.

import ControlPlane
import NIOCore
import NIOPosix
import Redis

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension CommandFailure {
    /// The API could not listen at its address; nil: that is not what the error says.
    init?(listening error: any Error, at configuration: ControlPlaneConfiguration) {
        let address = "\(configuration.host):\(configuration.port)"
        switch error {
        case let error as IOError where error.errnoCode == EADDRINUSE:
            self.init(
                .unavailable,
                "cannot listen on \(address): another process does; stop it, or choose another --port")
        case let error as IOError where error.errnoCode == EACCES:
            self.init(.noPermission, "cannot listen on \(address): this user may not; choose a --port above 1023")
        case let error as IOError where error.errnoCode == EADDRNOTAVAIL:
            self.init(.configuration, field: "chorewheel.host", "is no address of this machine: \(configuration.host)")
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            self.init(.configuration, field: "chorewheel.host", "is not known as a machine: \(configuration.host)")
        default: return nil
        }
    }
}

/// What the system said, in its own words.
enum SystemWords {
    static func of(_ error: IOError) -> String { String(cString: strerror(error.errnoCode)) }

    /// Why there is no connection to Redis: the deepest error that has words of its own.
    static func cause(of error: RedisError) -> String {
        switch error.underlying {
        case let deeper as RedisError: self.cause(of: deeper)
        case let system as IOError: self.of(system)
        case let connection as NIOConnectionError: self.cause(of: connection)
        case .some, .none: error.message
        }
    }

    private static func cause(of error: NIOConnectionError) -> String {
        if let system = error.connectionErrors.lazy.compactMap({ $0.error as? IOError }).first {
            return "\(error.host):\(error.port): \(self.of(system))"
        }
        let isUnknown = error.connectionErrors.isEmpty && (error.dnsAError ?? error.dnsAAAAError) != nil
        return "\(error.host):\(error.port) \(isUnknown ? "is not known as a machine" : "did not answer in time")"
    }
}
