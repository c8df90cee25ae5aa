// Services that can stop taking in work without ending, and the signal that tells them to: SIGTSTP, as with Sidekiq. A
// deployment quiets the old workers first, starts the new ones, and ends the old ones when what they ran is done.

@preconcurrency internal import Dispatch
public import ServiceLifecycle

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#else
internal import Darwin
#endif

/// A service that can be told to take in nothing more and live on.
public protocol QuietableService: Service {
    /// Takes in nothing more. What runs goes on, however long it takes, until the service is shut down. There is no way
    /// back. May be called at any time, also before `run`, and more than once.
    func quiet()
}

/// The signal that quiets a process.
enum QuietSignal {
    static let number = SIGTSTP

    private static let queue = DispatchQueue(label: "chorewheel.quiet")

    /// From now on the signal does not suspend the process, as the kernel would have it; each one is an element.
    static func trap() async -> AsyncStream<Void> {
        #if canImport(Darwin)
        // There Dispatch only looks on; on Linux it takes the signal itself.
        signal(self.number, SIG_IGN)
        #endif
        let source = DispatchSource.makeSignalSource(signal: self.number, queue: self.queue)
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        source.setEventHandler { continuation.yield() }
        // Holds the source as long as somebody listens.
        continuation.onTermination = { _ in source.cancel() }
        await withCheckedContinuation { registered in
            source.setRegistrationHandler { registered.resume() }
            source.resume()
        }
        return stream
    }
}
