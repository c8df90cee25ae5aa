// Runs tasks on an event loop's thread: between a reply and what a task does next there is then no change of thread,
// which costs an idle machine more than the reply itself.

import NIOCore

/// The event loop as Swift's tasks see it.
final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
