// Owns a `PGconn`, and says in Swift what libpq says through pointers. It waits for nothing and decides nothing.
// Not Sendable: it belongs to its connection's loop.

import CLibPQ
import Dispatch
import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

final class ConnectionHandle {
    let pointer: OpaquePointer
    /// Kept alive for libpq's notice receiver, which has its address.
    private let notices: NoticeSink

    /// Starts to connect; `PQconnectPoll` has to be driven. With numeric addresses this does not block.
    init(_ parameters: [(keyword: String, value: String)], logger: Logger) throws(PostgresError) {
        let count = parameters.count
        let started = withCStrings(parameters.map(\.keyword) + parameters.map(\.value)) { strings in
            // Two arrays, each closed by a null pointer.
            let keywords = Array(strings[..<count]) + [nil]
            let values = Array(strings[count...]) + [nil]
            return PQconnectStartParams(keywords, values, 0)
        }
        guard let started else { throw PostgresError(.connectionFailed, "libpq is out of memory") }
        pointer = started
        notices = NoticeSink(logger: logger)
        // Until the welcome, an error's only form is a text; this makes the SQLSTATE a part of it.
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        // Otherwise libpq writes them to standard error.
        PQsetNoticeReceiver(pointer, { NoticeSink.receive($0, $1) }, Unmanaged.passUnretained(notices).toOpaque())
    }

    deinit { PQfinish(pointer) }

    var isLost: Bool { PQstatus(pointer) == CONNECTION_BAD }
    /// Whether the server has said, outside any statement, that it ends the connection. The socket's end may follow
    /// later.
    var isDismissed: Bool { notices.isDismissed }
    var descriptor: Int32 { PQsocket(pointer) }
    var transactionStatus: PGTransactionStatusType { PQtransactionStatus(pointer) }

    /// How often to read when the socket is readable. Over TLS one read may leave the rest of a decrypted record (up to
    /// 16 KiB) inside OpenSSL, where `poll` does not see it; each read has room for 8 KiB at least.
    var readsPerWake: Int { PQsslInUse(pointer) == 1 ? 3 : 1 }

    /// Reads what has arrived, without waiting. A failure shows in `isLost`, or in the next result.
    ///
    /// Take the results before reading again: a read that finds the connection's end makes libpq forget the words
    /// before it.
    func consumeInput() { _ = PQconsumeInput(pointer) }

    /// libpq's last words, in one line.
    var errorMessage: String {
        guard let text = PQerrorMessage(pointer) else { return "unknown error" }
        let words = String(cString: text).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return words.isEmpty ? "unknown error" : words
    }

    /// The error of a connection that did not come to be, with the SQLSTATE if the server spoke.
    func connectError() -> PostgresError {
        let text = errorMessage
        // "… FATAL:  28P01: password authentication failed … LOCATION:  auth_failed, auth.c:326"
        let message = text.split(separator: " LOCATION: ").first.map(String.init) ?? text
        let state = message.split(separator: " ").first { word in
            word.count == 6 && word.last == ":"
                && word.dropLast().allSatisfy { $0.isASCII && ($0.isNumber || $0.isUppercase) }
                && word.contains(where: \.isNumber)
        }
        return PostgresError(
            .connectionFailed, message, sqlState: state.map { SQLState(rawValue: String($0.dropLast())) })
    }

    /// The server's error in a failed result.
    func serverError(_ result: ResultHandle) -> PostgresError {
        func field(_ text: UnsafePointer<CChar>?) -> String? { text.map { String(cString: $0) } }
        let failed = result.pointer
        let state = field(clibpq_sqlstate(failed)).map { SQLState(rawValue: $0) }
        // "cached plan must not change result type", whose SQLSTATE and text say less than where it was raised.
        let isStale = state == .featureNotSupported && field(clibpq_routine(failed)) == "RevalidateCachedQuery"
        return PostgresError(
            code: .server, message: field(clibpq_message(failed)) ?? errorMessage, sqlState: state,
            detail: field(clibpq_detail(failed)), hint: field(clibpq_hint(failed)),
            constraint: field(clibpq_constraint(failed)), position: field(clibpq_position(failed)).flatMap { Int($0) },
            outcomeUnknown: false, isStalePlan: isStale || state == .invalidStatementName, file: #fileID, line: #line)
    }

    /// The notifications that have arrived.
    func takeNotifications() -> [PostgresNotification] {
        var taken: [PostgresNotification] = []
        while let notify = PQnotifies(pointer) {
            taken.append(
                PostgresNotification(
                    channel: String(cString: notify.pointee.relname), payload: String(cString: notify.pointee.extra),
                    backendPID: notify.pointee.be_pid))
            PQfreemem(notify)
        }
        return taken
    }

    /// Asks the server, from a Dispatch thread, to cancel what runs; `PQcancel` blocks.
    ///
    /// - Parameter completion: called on that thread once the server has passed the request on, or it failed (with
    ///   libpq's reason).
    func requestCancel(_ completion: @escaping @Sendable (String?) -> Void) {
        guard let ticket = PQgetCancel(pointer) else {
            completion("no cancel ticket")
            return
        }
        let cancel = CancelTicket(pointer: ticket)
        // Not on the queue of `NameResolution`: a server that hangs may keep this thread until it ends.
        DispatchQueue.global(qos: .utility).async { completion(cancel.send()) }
    }
}

/// Owns a `PGcancel`, which libpq documents as safe to use from another thread.
private struct CancelTicket: @unchecked Sendable {
    // Sendable because it is immutable and used by one Dispatch block.
    let pointer: OpaquePointer

    /// Blocks. Nil if the request was delivered.
    func send() -> String? {
        defer { PQfreeCancel(pointer) }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            guard PQcancel(pointer, buffer.baseAddress, 256) == 0 else { return nil }
            return buffer.baseAddress.map { String(cString: $0) } ?? "unknown error"
        }
    }
}

/// Sends the server's notices to the log, and keeps in mind whether one was its farewell.
private final class NoticeSink: Sendable {
    private let logger: Logger
    private let dismissed = Atomic<Bool>(false)

    var isDismissed: Bool { dismissed.load(ordering: .relaxed) }

    init(logger: Logger) { self.logger = logger }

    static func receive(_ context: UnsafeMutableRawPointer?, _ result: OpaquePointer?) {
        guard let context, let result else { return }
        let sink = Unmanaged<NoticeSink>.fromOpaque(context).takeUnretainedValue()
        // libpq treats an error outside a statement as a notice. The server has only one kind of those: its last words.
        if let severity = clibpq_severity(result).map({ String(cString: $0) }), ["FATAL", "PANIC"].contains(severity) {
            sink.dismissed.store(true, ordering: .relaxed)
        }
        let message = clibpq_message(result).map { String(cString: $0) } ?? ""
        sink.logger.debug("server notice", metadata: ["notice": "\(message)"])
    }
}

/// Lends the strings as C strings, all in one block.
private func withCStrings<R>(_ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> R) -> R {
    var bytes: [UInt8] = []
    let starts = strings.map { string in
        defer {
            bytes += string.utf8
            bytes.append(0)
        }
        return bytes.count
    }
    return bytes.withUnsafeBytes { block in
        let base = block.baseAddress?.assumingMemoryBound(to: CChar.self)
        return body(starts.map { start in base.map { $0 + start } })
    }
}
