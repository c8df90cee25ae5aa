// Collects the results of one exchange, plain or pipelined, as they arrive. It reads what is there and never waits.

import CLibPQ

/// What has been read of an exchange's results.
struct ResultReading {
    let isPipelined: Bool
    /// The last result that is no error: the statement's own.
    private(set) var last: ResultHandle?
    private(set) var firstError: PostgresError?
    /// The pipeline's first answer came and was no error.
    private(set) var isPrepared = false
    private(set) var isComplete = false
    private(set) var isCopy = false

    init(isPipelined: Bool) { self.isPipelined = isPipelined }

    /// Takes every result that has arrived; never waits, for it asks only while libpq says that it would not.
    mutating func readAvailable(from handle: ConnectionHandle) {
        while !isComplete, !isCopy, PQisBusy(handle.pointer) == 0 {
            guard let pointer = PQgetResult(handle.pointer) else {
                // In a pipeline nil parts two statements' results; otherwise it is the end.
                guard isPipelined, !handle.isLost else {
                    isComplete = !isPipelined
                    return
                }
                continue
            }
            take(ResultHandle(pointer), from: handle)
        }
    }

    private mutating func take(_ result: ResultHandle, from handle: ConnectionHandle) {
        switch PQresultStatus(result.pointer) {
        case PGRES_PIPELINE_SYNC:
            isComplete = true
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            if isPipelined, last == nil { isPrepared = true }
            last = result
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            isCopy = true
        case PGRES_PIPELINE_ABORTED:
            break  // the error came before
        default:
            if firstError == nil { firstError = handle.serverError(result) }
        }
    }
}
