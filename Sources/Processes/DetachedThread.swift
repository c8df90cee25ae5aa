// Threads for what blocks: waiting for a child, reading a pipe, a blocking socket. Never for computing. The cooperative
// pool is as wide as the machine has cores, so one blocked call there would stop half of a small machine.

#if canImport(Darwin)
import Darwin
#else
import Glibc
#endif

/// A detached POSIX thread with a small life of its own.
package enum DetachedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Runs `body` on a new thread that nobody joins.
    ///
    /// - Throws: `.spawnFailed` when the system refuses a thread; `body` then never runs.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(ProcessError) {
        let box = Unmanaged.passRetained(Body(body))
        #if canImport(Darwin)
        var thread: pthread_t?
        let result = pthread_create(&thread, nil, { Self.enter($0) }, box.toOpaque())
        #else
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, { Self.enter($0) }, box.toOpaque())
        #endif
        guard result == 0 else {
            box.release()
            throw ProcessError(.spawnFailed, "cannot start a thread", errorNumber: result)
        }
        #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
        #else
        pthread_detach(thread)
        #endif
    }

    /// Runs blocking `body` on a thread of its own and returns its value. Cancellation does not interrupt `body`, which
    /// therefore must be bounded.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async throws(ProcessError) -> Value {
        let result: Result<Value, ProcessError> = await withCheckedContinuation { continuation in
            do throws(ProcessError) {
                try self.start { continuation.resume(returning: .success(body())) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    private static func enter(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let pointer else { return nil }
        Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue().run()
        return nil
    }
}
