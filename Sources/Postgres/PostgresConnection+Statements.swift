// Running statements: send, flush, read, and cancel when the task or the clock says so (`StatementWatch` decides,
// this performs).

import CLibPQ
import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// What a call sends.
private enum StatementWork {
    /// Any number of statements, no parameters.
    case script(String)
    /// One statement.
    case statement(String, BindArena)
}

/// In which form one statement goes out.
private enum StatementForm {
    case script
    case unprepared
    /// Parse and run in one round trip.
    case preparing(name: String)
    case prepared(name: String)
}

extension PostgresConnection {
    /// Runs one statement with bound parameters (`$1` …).
    ///
    /// A statement that is planned (SELECT, INSERT …) is prepared at its first use and parsed once; texts made for
    /// one use belong into `execute`.
    ///
    /// - Parameter timeout: from this call on, the place in the line included; nil means none but the server's. A
    ///   server that hangs is waited for a little longer, `StatementWatch.deliveryBound` (1 s) for the cancel request
    ///   to be taken, `answerBound` (5 s) for its answer; then the connection is closed.
    /// - Throws: `PostgresError`: `.server`, `.timeout`, `.cancelled` (the statement was cancelled, the connection is
    ///   usable unless `isUsable` says otherwise), `.connectionLost`, `.protocolViolation` (nothing was sent).
    @discardableResult
    public func query(
        _ sql: String, _ values: [PostgresValue] = [], timeout: Duration? = nil
    ) async throws -> PostgresRows {
        try await run(.statement(sql, BindArena(values)), sql, timeout: timeout, isShielded: false)
    }

    /// Runs a script of any number of statements, without parameters; unless it says otherwise, in one transaction.
    /// Errors as for `query`.
    public func execute(script: String, timeout: Duration? = nil) async throws {
        _ = try await run(.script(script), script, timeout: timeout, isShielded: false)
    }

    /// Runs a statement that must run although the task is cancelled, within the time.
    func runShielded(_ sql: String, timeout: Duration) async throws(PostgresError) -> PostgresRows {
        try await run(.statement(sql, BindArena([])), sql, timeout: timeout, isShielded: true)
    }

    private func run(
        _ work: StatementWork, _ text: String, timeout: Duration?, isShielded: Bool
    ) async throws(PostgresError) -> PostgresRows {
        guard !text.utf8.contains(0) else { throw PostgresError(.protocolViolation, "the statement contains NUL") }
        let call = StatementCall(loop: loop, timeout: timeout)
        guard !isShielded else { return try await attempt(work, call).get() }
        let outcome = await withTaskCancellationHandler {
            await attempt(work, call)
        } onCancel: {
            call.cancel()
        }
        return try outcome.get()
    }

    private func attempt(_ work: StatementWork, _ call: StatementCall) async -> Result<PostgresRows, PostgresError> {
        do throws(PostgresError) {
            try await enter(call)
        } catch {
            return .failure(error)
        }
        defer { leave() }
        do throws(PostgresError) {
            switch work {
            case .script(let script):
                _ = try await exchange(.script, script, nil, call)
                return .success(PostgresRows(nil))
            case .statement(let sql, let arena):
                return .success(PostgresRows(try await runStatement(sql, arena, call)))
            }
        } catch {
            return .failure(error)
        }
    }

    /// One statement through the cache. A plan that turns out stale is forgotten, and the statement tried once more
    /// if that is safe.
    private func runStatement(
        _ sql: String, _ arena: BindArena, _ call: StatementCall
    ) async throws(PostgresError) -> ResultHandle? {
        try await deallocateRetired(call)
        var mayTryAgain = handle?.transactionStatus == PQTRANS_IDLE
        while true {
            let known = cache.name(for: sql)
            let form: StatementForm
            if let known {
                form = .prepared(name: known)
            } else {
                form = cache.mintName(for: sql).map { .preparing(name: $0) } ?? .unprepared
            }
            do throws(PostgresError) {
                return try await exchange(form, sql, arena, call)
            } catch {
                guard error.isStalePlan, known != nil else { throw error }
                if error.sqlState == .invalidStatementName { cache.forgetAll() } else { cache.forget(sql) }
                guard mayTryAgain else { throw error }
                mayTryAgain = false
            }
        }
    }

    /// Deallocates evicted statements, many at a time, and only outside transactions, which a failure would abort.
    private func deallocateRetired(_ call: StatementCall) async throws(PostgresError) {
        guard handle?.transactionStatus == PQTRANS_IDLE, let names = cache.takeRetired() else { return }
        let script = names.map { "DEALLOCATE \($0)" }.joined(separator: ";")
        do throws(PostgresError) {
            _ = try await exchange(.script, script, nil, call)
        } catch {
            guard error.code == .server else { throw error }
            // Somebody deallocated them already (DISCARD ALL): then none of ours is left.
            cache.forgetAll()
            _ = try await exchange(.script, "DEALLOCATE ALL", nil, call)
        }
    }

    // MARK: One exchange

    private func exchange(
        _ form: StatementForm, _ sql: String, _ arena: BindArena?, _ call: StatementCall
    ) async throws(PostgresError) -> ResultHandle? {
        guard let handle else { throw PostgresError(.connectionLost, "the connection is closed") }
        let isPipelined = try send(form, sql, arena, on: handle)
        var reading = ResultReading(isPipelined: isPipelined)
        var watch = StatementWatch(deadline: call.deadline)
        let startedAt = PostgresLoop.Instant.now
        var mustFlush = true
        while true {
            if mustFlush {
                let left = PQflush(handle.pointer)
                // On failure the reason may still be readable: go on, reading finds the end.
                mustFlush = left > 0
            }
            reading.readAvailable(from: handle)
            if reading.isCopy { throw abandonCopy() }
            if !reading.isComplete, handle.isLost || isClosing {
                throw lost(handle, reading.firstError)
            }
            let action = watch.next(
                now: .now, isCancelled: call.isCancelled, isRequestPending: call.isRequestPending,
                isDrained: reading.isComplete)
            switch action {
            case .finish(let reason):
                return try finish(reading, form, sql, reason, handle, since: startedAt)
            case .abandon(let reason, let bound):
                lose()
                throw PostgresError(
                    reason == .timeout ? .timeout : .cancelled,
                    "no answer to the cancel request within \(bound); the connection was closed",
                    outcomeUnknown: true)
            case .requestCancel:
                requestCancel(handle, call)
            case .wait(let until):
                let events = mustFlush ? POLLIN | POLLOUT : POLLIN
                let descriptor = reading.isComplete ? -1 : handle.descriptor
                let outcome = await wait(call.key, descriptor: descriptor, events: Int16(events), until: until)
                if outcome == .ready { read(&reading, from: handle) }
            }
        }
    }

    /// Reads what has arrived, and the results in it.
    private func read(_ reading: inout ResultReading, from handle: ConnectionHandle) {
        for _ in 0..<handle.readsPerWake where !reading.isComplete && !handle.isLost {
            handle.consumeInput()
            reading.readAvailable(from: handle)
        }
    }

    /// Puts the statement into libpq's buffer. True if it went as a pipeline.
    private func send(
        _ form: StatementForm, _ sql: String, _ arena: BindArena?, on handle: ConnectionHandle
    ) throws(PostgresError) -> Bool {
        let connection = handle.pointer
        func withParameters(_ body: (BindArena.Pointers) -> Int32) -> Int32 {
            arena?.withPointers(body) ?? body((0, nil, nil, nil))
        }
        var isSent = true
        var isPipelined = false
        switch form {
        case .script:
            isSent = PQsendQuery(connection, sql) == 1
        case .unprepared:
            isSent =
                withParameters {
                    PQsendQueryParams(connection, sql, $0.count, nil, $0.values, $0.lengths, $0.formats, 0)
                } == 1
        case .prepared(let name):
            isSent =
                withParameters {
                    PQsendQueryPrepared(connection, name, $0.count, $0.values, $0.lengths, $0.formats, 0)
                } == 1
        case .preparing(let name):
            isPipelined = true
            isSent =
                PQenterPipelineMode(connection) == 1
                && PQsendPrepare(connection, name, sql, 0, nil) == 1
                && withParameters {
                    PQsendQueryPrepared(connection, name, $0.count, $0.values, $0.lengths, $0.formats, 0)
                } == 1
                && PQpipelineSync(connection) == 1
        }
        guard isSent else { throw lost(handle, nil) }
        return isPipelined
    }

    private func requestCancel(_ handle: ConnectionHandle, _ call: StatementCall) {
        let logger = self.logger
        call.requestStarted()
        handle.requestCancel { failure in
            if let failure { logger.warning("cancel request failed", metadata: ["reason": "\(failure)"]) }
            call.requestEnded()
        }
    }

    /// The end of an exchange whose results are complete.
    private func finish(
        _ reading: ResultReading, _ form: StatementForm, _ sql: String, _ reason: StatementWatch.Reason?,
        _ handle: ConnectionHandle, since start: PostgresLoop.Instant
    ) throws(PostgresError) -> ResultHandle? {
        if reading.isPipelined, PQexitPipelineMode(handle.pointer) != 1 { throw lost(handle, reading.firstError) }
        if case .preparing(let name) = form, reading.isPrepared { cache.insert(sql, name: name) }
        deliverNotifications()
        guard let error = reading.firstError else { return reading.last }
        if handle.isLost { throw lost(handle, error) }
        guard error.sqlState == .queryCanceled else { throw error }
        switch reason {
        case .cancelled: throw error.with(code: .cancelled)
        case .timeout: throw error.with(code: .timeout)
        case nil: throw isServerTimeout(error, since: start) ? error.with(code: .timeout) : error
        }
    }

    /// The server's `statement_timeout` and `pg_cancel_backend` have one SQLSTATE; time tells them apart, or the
    /// message, unless translated.
    private func isServerTimeout(_ error: PostgresError, since start: PostgresLoop.Instant) -> Bool {
        if let limit = configuration.statementTimeout, start.duration(to: .now) >= limit { return true }
        return error.message.contains("statement timeout")
    }

    /// The end of the connection, in the server's last words if it had any.
    private func lost(_ handle: ConnectionHandle, _ farewell: PostgresError?) -> PostgresError {
        defer { lose() }
        if isClosing {
            return PostgresError(.connectionLost, "the connection was closed while in use", outcomeUnknown: true)
        }
        return farewell?.with(code: .connectionLost, outcomeUnknown: true)
            ?? PostgresError(.connectionLost, handle.errorMessage, outcomeUnknown: true)
    }

    /// COPY needs another conversation than this one; the connection cannot be brought back from it.
    private func abandonCopy() -> PostgresError {
        lose()
        return PostgresError(
            .protocolViolation, "COPY from or to the client is not supported; the connection was closed")
    }
}
