// An attempt that this process is to run, its name, and why it may be cut short.

internal import JobModel
internal import JobQueue
internal import WorkerKit

/// Names an attempt. A job may run here again while the outcome of its last attempt is still being written.
struct AttemptID: Hashable, Sendable {
    let job: JobID
    let epoch: Int64

    /// The random half of the job's id is enough to tell jobs apart in a table.
    func hash(into hasher: inout Hasher) { hasher.combine(self.job.uuid.low ^ UInt64(bitPattern: self.epoch)) }
}

/// An attempt that was claimed (and begun, if it is durable), with what is needed to run it. A reference, since it is
/// large and is passed on several times.
final class Assignment: Sendable {
    enum Work: Sendable {
        case durable(BegunJob)
        case fast(FastEntry, QueueName)
    }

    let id: AttemptID
    let work: Work
    /// nil: nobody here knows the kind.
    let handler: RegisteredHandler?
    let timeout: Duration

    /// An attempt of a kind that nobody here knows needs no time.
    private static let unknownKindTimeout: Duration = .seconds(60)

    /// - Parameter timeout: nil: the handler's own.
    init(id: AttemptID, work: Work, handler: RegisteredHandler?, timeout: Duration? = nil) {
        self.id = id
        self.work = work
        self.handler = handler
        self.timeout = timeout ?? handler?.timeout ?? Self.unknownKindTimeout
    }
}

/// Why an attempt is being cut short.
enum Interruption: Sendable, Hashable {
    case timeout
    case cancelledByHand
    case workerStopping
    case sessionLost

    var trouble: Trouble {
        switch self {
        case .timeout: .transient()
        case .cancelledByHand: .cancelledByHand
        // What a lost session settles is fenced anyway.
        case .workerStopping, .sessionLost: .workerStopping
        }
    }
}

extension BegunJob {
    var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}

extension SettledAttempt {
    var attemptID: AttemptID { AttemptID(job: self.id, epoch: self.epoch) }
}
