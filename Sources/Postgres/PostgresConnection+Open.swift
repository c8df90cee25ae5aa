// Opening a connection: look-up, libpq's handshake driven by the loop, one deadline over all of it. And the cheap
// look at an idle one.

import CLibPQ
public import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

extension PostgresConnection {
    /// Connects.
    ///
    /// - Throws: `.invalidConfiguration` for a setting, `.connectionFailed` (with a SQLSTATE if the server spoke),
    ///   `.timeout` after `connectTimeout`, `.cancelled` if the task is cancelled. Nothing stays open then.
    public static func connect(
        _ configuration: PostgresConfiguration, logger: Logger
    ) async throws(PostgresError) -> PostgresConnection {
        try configuration.validate()
        let loop = PostgresLoopGroup.shared.next()
        let connection = PostgresConnection(configuration, loop: loop, logger: logger)
        let call = StatementCall(loop: loop, timeout: configuration.connectTimeout)
        let outcome = await withTaskCancellationHandler {
            await connection.open(call)
        } onCancel: {
            call.cancel()
        }
        try outcome.get()
        return connection
    }

    private func open(_ call: StatementCall) async -> Result<Void, PostgresError> {
        do throws(PostgresError) {
            let addresses = try await resolve(call)
            let handle = try ConnectionHandle(configuration.parameters(addresses: addresses), logger: logger)
            try await shakeHands(handle, call)
            PQsetErrorVerbosity(handle.pointer, PQERRORS_DEFAULT)
            guard PQsetnonblocking(handle.pointer, 1) == 0 else { throw handle.connectError() }
            self.handle = handle
            publish(.idle)
            return .success(())
        } catch {
            lose()
            return .failure(error)
        }
    }

    private func resolve(_ call: StatementCall) async throws(PostgresError) -> [String] {
        guard NameResolution.isNeeded(for: configuration) else { return [] }
        let resolution = NameResolution.start(configuration.host, waking: loop, call.key)
        while true {
            if let result = resolution.result { return try result.get() }
            try await pause(call, descriptor: -1, events: 0)
        }
    }

    private func shakeHands(_ handle: ConnectionHandle, _ call: StatementCall) async throws(PostgresError) {
        guard !handle.isLost else { throw handle.connectError() }
        // As libpq's manual says: at first behave as if it had asked for writing.
        var status = PGRES_POLLING_WRITING
        while true {
            switch status {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_FAILED: throw handle.connectError()
            case PGRES_POLLING_READING:
                guard try await pause(call, descriptor: handle.descriptor, events: POLLIN) else { continue }
            default:
                guard try await pause(call, descriptor: handle.descriptor, events: POLLOUT) else { continue }
            }
            status = PQconnectPoll(handle.pointer)
        }
    }

    /// Waits within the call's bounds; true if the descriptor is ready.
    @discardableResult
    private func pause(_ call: StatementCall, descriptor: Int32, events: Int32) async throws(PostgresError) -> Bool {
        if call.isCancelled { throw Self.cancelledError }
        let outcome = await wait(call.key, descriptor: descriptor, events: Int16(events), until: call.deadline)
        if outcome == .timedOut {
            throw PostgresError(
                .connectionFailed,
                "no connection to \(configuration.host):\(configuration.port) within \(configuration.connectTimeout)")
        }
        if call.isCancelled { throw Self.cancelledError }
        return outcome == .ready
    }

    /// Reads what lies in the socket of an idle connection; false if that was its end. Does not wait.
    func isAliveWhileIdle() -> Bool {
        guard let handle, !isOccupied else { return condition.isUsable }
        // Farewell and end may come in two pieces, some time apart; a server that keeps talking is alive.
        for _ in 0..<(4 * handle.readsPerWake) where condition.hasUnreadInput {
            handle.consumeInput()
            // Makes libpq parse what it has read: parameter changes, notifications, a farewell.
            _ = PQisBusy(handle.pointer)
            deliverNotifications()
            if handle.isLost || handle.isDismissed {
                lose()
                return false
            }
        }
        return true
    }
}
