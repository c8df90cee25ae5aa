// The jobs that are measured: they note on the board that they ran, and do nothing else but what their name says.

internal import JobModel
internal import JobQueue
internal import WorkerKit

/// A fast job.
struct FastTick: PlatformJob {
    static let kind: JobKind = "bench.fast"
    static let queue: QueueName = "bench"
    static let durability: Durability = .fast
    var text: String
}

/// A durable job.
struct DurableTick: PlatformJob {
    static let kind: JobKind = "bench.durable"
    static let queue: QueueName = "bench"
    var text: String
}

/// A family's fast job.
struct FamilyTick: FamilyJob {
    static let kind: JobKind = "bench.family_fast"
    static let queue: QueueName = "bench"
    static let durability: Durability = .fast
    var text: String
}

/// A family's durable job that leaves a row in the family's database.
struct FamilyEffect: FamilyJob {
    static let kind: JobKind = "bench.family_effect"
    static let queue: QueueName = "bench"
    var text: String
}

struct FastTickHandler: PlatformHandler {
    let board: Board

    func run(_ job: FastTick, context: JobContext) async throws -> NoResult {
        self.board.started(job.text)
        return NoResult()
    }
}

struct DurableTickHandler: PlatformHandler {
    let board: Board

    func run(_ job: DurableTick, context: JobContext) async throws -> NoResult {
        self.board.started(job.text)
        return NoResult()
    }
}

struct FamilyTickHandler: FamilyHandler {
    let board: Board

    func run(_ job: FamilyTick, for family: FamilyID, context: JobContext) async throws -> NoResult {
        self.board.started(job.text)
        return NoResult()
    }
}

struct FamilyEffectHandler: FamilyHandler {
    let board: Board

    func run(_ job: FamilyEffect, for family: FamilyID, context: JobContext) async throws -> NoResult {
        self.board.started(job.text)
        return try await context.effect { transaction in
            try await transaction.query("INSERT INTO bench_effects DEFAULT VALUES")
            return NoResult()
        }
    }
}

/// Registers the `bench.*` kinds.
struct BenchPlugin: WorkerPlugin {
    let name = "Bench"
    let board: Board

    func register(in registry: inout HandlerRegistry) {
        registry.add(FastTickHandler(board: self.board))
        registry.add(DurableTickHandler(board: self.board))
        registry.add(FamilyTickHandler(board: self.board))
        registry.add(FamilyEffectHandler(board: self.board))
    }
}

/// A job's text: its JSON, `{"text":"…"}`, has `size` bytes, and it begins with the job's number.
func makeText(_ number: Int, size: Int) -> String {
    let digits = String(number)
    let padded = String(repeating: "0", count: Board.numberDigits - digits.utf8.count) + digits
    return padded + String(repeating: "x", count: max(0, size - Board.numberDigits - #"{"text":""}"#.utf8.count))
}
