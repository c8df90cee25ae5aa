// What happens to the traffic: nothing, a fault at one request, or bad weather for all of it. One for the two ports of
// a proxy; lives on their event loop and nowhere else.

internal import NIOCore

/// What becomes of one request.
enum Verdict: String, Sendable, CaseIterable {
    case pass
    /// It never reaches the server: the client is killed first.
    case dieBefore = "die-before"
    /// The server has done it: the client is killed before it hears of that.
    case dieAfter = "die-after"
    /// The server has done it: the connection is cut before the client hears of that. The client lives.
    case loseReply = "lose-reply"
}

enum Direction: String, Sendable, CaseIterable {
    case toServer
    case toClient
}

/// Decides about requests and carries verdicts out. Called on the proxy's event loop: must not wait.
protocol RequestJudge: Sendable {
    func judge(_ request: StoreRequest) -> Verdict
    /// Kills the client of `.dieBefore` and `.dieAfter`.
    func kill(at request: StoreRequest)
    /// The connection of `.loseReply` was cut.
    func lost(_ request: StoreRequest)
}

final class Switchboard {
    private let loop: any EventLoop
    private let report: @Sendable (String) -> Void
    var theJudge: (any RequestJudge)?
    private var lines: [ObjectIdentifier: ProxyLine] = [:]
    private(set) var isRefusing = false

    // The weather.
    private var delay = TimeAmount.zero
    private var blackholes: Set<Direction> = []
    /// What is held in a black hole, in the order in which it came.
    private var held: [(bytes: ByteBuffer, channel: any Channel, direction: Direction, line: ProxyLine)] = []
    private var heldBytes = 0
    /// When what is on its way of each line and direction arrives: nothing overtakes.
    private var arrivals: [ObjectIdentifier: [Direction: NIODeadline]] = [:]

    /// More than this in a black hole is more than any kernel would hold: its connections are cut.
    private static let heldBytesMax = 64 << 20

    init(loop: any EventLoop, report: @escaping @Sendable (String) -> Void) {
        self.loop = loop
        self.report = report
    }

    var lineCount: Int { self.lines.count }

    func added(_ line: ProxyLine) { self.lines[ObjectIdentifier(line)] = line }

    func removed(_ line: ProxyLine) {
        self.lines.removeValue(forKey: ObjectIdentifier(line))
        self.arrivals.removeValue(forKey: ObjectIdentifier(line))
        self.held.removeAll { held in
            guard held.line === line else { return false }
            self.heldBytes -= held.bytes.readableBytes
            return true
        }
    }

    // MARK: One request

    func judge(_ request: StoreRequest) -> Verdict { self.theJudge?.judge(request) ?? .pass }
    func kill(_ request: StoreRequest) { self.theJudge?.kill(at: request) }
    func lost(_ request: StoreRequest) { self.theJudge?.lost(request) }
    func report(_ fault: String) { self.report(fault) }

    // MARK: All of them

    func forward(_ bytes: ByteBuffer, to channel: any Channel, _ direction: Direction, of line: ProxyLine) {
        guard !self.blackholes.contains(direction) else {
            self.held.append((bytes, channel, direction, line))
            self.heldBytes += bytes.readableBytes
            if self.heldBytes > Self.heldBytesMax { line.close() }
            return
        }
        let last = self.arrivals[ObjectIdentifier(line)]?[direction]
        guard self.delay > .zero || last != nil else {
            channel.writeAndFlush(bytes, promise: nil)
            return
        }
        let arrival = max(NIODeadline.now() + self.delay, last ?? .distantPast)
        self.arrivals[ObjectIdentifier(line), default: [:]][direction] = arrival
        self.loop.assumeIsolated().scheduleTask(deadline: arrival) {
            channel.writeAndFlush(bytes, promise: nil)
            if self.arrivals[ObjectIdentifier(line)]?[direction] == arrival {
                self.arrivals[ObjectIdentifier(line)]?[direction] = nil
            }
        }
    }

    func cut(refusing: Bool) {
        self.isRefusing = refusing
        for line in Array(self.lines.values) { line.close() }
    }

    func setDelay(_ delay: TimeAmount) { self.delay = delay }

    func blackhole(_ directions: Set<Direction>) {
        self.blackholes = directions
        self.release()
    }

    func heal() {
        self.isRefusing = false
        self.delay = .zero
        self.blackhole([])
    }

    /// Forwards what was held and is not any more.
    private func release() {
        let all = self.held
        self.held = []
        self.heldBytes = 0
        for held in all { self.forward(held.bytes, to: held.channel, held.direction, of: held.line) }
    }
}
