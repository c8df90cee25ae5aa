// Every event in every state of the two machines, and the handshake's verdicts; no server.

import Testing

@testable import Redis

@Suite struct ReconnectStateMachineTests {
    private static func machine(_ state: String) -> ReconnectStateMachine {
        var machine = ReconnectStateMachine()
        switch state {
        case "connecting": _ = machine.demand()
        case "connected":
            _ = machine.demand()
            _ = machine.connectSucceeded()
        case "backingOff":
            _ = machine.demand()
            _ = machine.connectFailed(jitter: 0)
        case "closed": machine.close()
        default: break
        }
        return machine
    }

    private static let states = ["idle", "connecting", "connected", "backingOff", "closed"]

    @Test("each event in each state has one action", arguments: Self.states)
    func table(state: String) {
        func action(_ event: (inout ReconnectStateMachine) -> ReconnectStateMachine.Action)
            -> ReconnectStateMachine.Action
        {
            var machine = Self.machine(state)
            return event(&machine)
        }
        #expect(action { $0.demand() } == (state == "idle" ? .connect : .none))
        #expect(action { $0.connectSucceeded() } == (state == "connecting" ? .publish(generation: 1) : .discard))
        let failed = action { $0.connectFailed(jitter: 0) }
        #expect(failed == (state == "connecting" ? .wait(.milliseconds(50)) : .none))
        let lost = action { $0.connectionLost(generation: 1, jitter: 0) }
        #expect(lost == (state == "connected" ? .wait(.milliseconds(50)) : .none))
        #expect(action { $0.connectionLost(generation: 7, jitter: 0) } == .none)
        #expect(action { $0.backoffElapsed() } == (state == "backingOff" ? .connect : .none))
        var machine = Self.machine(state)
        machine.close()
        #expect(machine.state == .closed)
    }

    @Test("waits double up to two seconds, and jitter takes half of it at most")
    func backoff() {
        #expect(ReconnectBackoff.delay(failures: 0, jitter: 0) == .milliseconds(50))
        #expect(ReconnectBackoff.delay(failures: 1, jitter: 0) == .milliseconds(50))
        #expect(ReconnectBackoff.delay(failures: 3, jitter: 0) == .milliseconds(200))
        for failures in [10, 1_000_000] {
            #expect(ReconnectBackoff.delay(failures: failures, jitter: 0) == .seconds(1))
            #expect(ReconnectBackoff.delay(failures: failures, jitter: 1) == .seconds(2))
        }
    }

    @Test("a success forgets the failures before it")
    func reset() {
        var machine = Self.machine("backingOff")
        for _ in 0..<5 {
            _ = machine.backoffElapsed()
            _ = machine.connectFailed(jitter: 0)
        }
        #expect(machine.state == .backingOff(failures: 6))
        _ = machine.backoffElapsed()
        #expect(machine.connectSucceeded() == .publish(generation: 1))
        #expect(machine.connectionLost(generation: 1, jitter: 0) == .wait(.milliseconds(50)))
    }

    @Test("a random walk never has two attempts at once, and its generation never falls", arguments: 0..<20)
    func walk(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        var machine = ReconnectStateMachine()
        var attempts = 0
        var timers = 0
        var generation = 0
        for _ in 0..<2_000 {
            let action: ReconnectStateMachine.Action
            switch Int.random(in: 0..<5, using: &random) {
            case 0: action = machine.demand()
            case 1 where attempts > 0:
                attempts -= 1
                action = machine.connectSucceeded()
            case 2 where attempts > 0:
                attempts -= 1
                action = machine.connectFailed(jitter: 0.5)
            case 3 where timers > 0:
                timers -= 1
                action = machine.backoffElapsed()
            default:
                action = machine.connectionLost(
                    generation: generation - Int.random(in: 0...1, using: &random), jitter: 0)
            }
            switch action {
            case .connect: attempts += 1
            case .wait(let delay):
                timers += 1
                #expect(delay >= .milliseconds(50) && delay <= .seconds(2))
            case .publish(let new):
                #expect(new == generation + 1)
                generation = new
            case .discard: Issue.record("nothing was closed, so nothing may be discarded")
            case .none: break
            }
            #expect(attempts + timers <= 1)
            #expect(machine.generation == generation)
        }
    }
}

@Suite struct ConnectionStateMachineTests {
    private static let handshake = Handshake(
        configuration: {
            var configuration = RedisConfiguration(topology: .standalone(.unix(path: "/x")))
            configuration.database = 1
            return configuration
        }())
    private static let reason = RedisError(.timeout, "why")

    private static func machine(_ state: String) -> ConnectionStateMachine {
        var machine = ConnectionStateMachine(handshake: self.handshake)
        if state == "connecting" { return machine }
        _ = machine.channelActive()
        if state == "handshaking" { return machine }
        _ = machine.replyArrived(.status("OK"), isAwaited: false)
        _ = machine.replyArrived(.status("PONG"), isAwaited: false)
        if state == "ready" { return machine }
        _ = machine.close(because: self.reason)
        if state == "closing" { return machine }
        _ = machine.channelInactive()
        return machine
    }

    @Test(
        "each event in each state has one action",
        arguments: ["connecting", "handshaking", "ready", "closing", "closed"])
    func table(state: String) {
        var machine = Self.machine(state)
        switch machine.channelActive() {
        case .sendHandshake: #expect(state == "connecting")
        case .none: #expect(state != "connecting")
        }

        machine = Self.machine(state)
        switch machine.replyArrived(.integer(1), isAwaited: true) {
        case .wait: #expect(state == "handshaking")
        case .deliver: #expect(state == "ready")
        case .drop: #expect(state == "closing" || state == "closed")
        case .close: #expect(state == "connecting")
        case .becomeReady, .deliverThenClose: Issue.record("not here")
        }

        machine = Self.machine(state)
        switch machine.close(because: Self.reason) {
        case .closeChannel: #expect(["connecting", "handshaking", "ready"].contains(state))
        case .none: #expect(["closing", "closed"].contains(state))
        }

        machine = Self.machine(state)
        switch machine.channelInactive() {
        case .none: #expect(state == "closed")
        case .fail(let error):
            let codes: [String: RedisError.Code] = [
                "connecting": .unavailable, "handshaking": .unavailable, "ready": .connectionLost, "closing": .timeout,
            ]
            #expect(error.code == codes[state])
        }
        #expect(machine.isReady == false)
    }

    @Test("the first reason to close is the one that is told")
    func firstReason() {
        var machine = Self.machine("ready")
        _ = machine.close(because: RedisError(.protocolViolation, "first"))
        _ = machine.close(because: Self.reason)
        guard case .fail(let error) = machine.channelInactive() else {
            Issue.record("callers must be told")
            return
        }
        #expect(error.code == .protocolViolation)
    }

    @Test("READONLY is delivered and drops the connection", arguments: ["READONLY x", "UNBLOCKED x"])
    func failover(message: String) {
        var machine = Self.machine("ready")
        guard
            case .deliverThenClose = machine.replyArrived(
                .error(RedisServerError(message: message)), isAwaited: true)
        else {
            Issue.record("it must be delivered and then close")
            return
        }
        guard case .fail(let error) = machine.channelInactive() else { return }
        #expect(error.code == .connectionLost)
    }

    @Test("a reply that nobody asked for drops the connection")
    func unasked() {
        var machine = Self.machine("ready")
        guard case .close = machine.replyArrived(.integer(1), isAwaited: false) else {
            Issue.record("it must close")
            return
        }
    }

    @Test("a server that is full says so before it is asked")
    func full() {
        var machine = Self.machine("handshaking")
        let refusal = RedisValue.error(RedisServerError(message: "ERR max number of clients reached"))
        guard case .close = machine.replyArrived(refusal, isAwaited: false),
            case .fail(let error) = machine.channelInactive()
        else {
            Issue.record("it must close")
            return
        }
        #expect(error.code == .unavailable)
    }
}

@Suite struct HandshakeTests {
    private func configuration(_ url: String) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url)
        configuration.clientName = "me"
        return configuration
    }

    @Test("it authenticates, selects, names itself and pings, in this order")
    func commands() throws {
        let handshake = Handshake(configuration: try self.configuration("redis://u:p@h/2"))
        #expect(
            handshake.commands == [
                RedisCommand("AUTH", "u", "p"), RedisCommand("SELECT", "2"), RedisCommand("CLIENT", "SETNAME", "me"),
                RedisCommand("PING"),
            ])
        #expect(handshake.verdict(on: [.status("OK"), .status("OK"), .status("OK"), .status("PONG")]) == nil)
    }

    @Test("a wrong password, a loading server and a replica are told apart")
    func verdicts() throws {
        let plain = Handshake(configuration: try self.configuration("redis://:p@h"))
        let wrong = plain.verdict(
            on: [.error(RedisServerError(message: "WRONGPASS x")), .status("OK"), .status("PONG")])
        #expect(wrong?.prefix == "WRONGPASS")
        #expect(wrong?.canRetry == false)
        let loading = plain.verdict(
            on: [.status("OK"), .status("OK"), .error(RedisServerError(message: "LOADING x"))])
        #expect(loading?.canRetry == true)
        let restricted = plain.verdict(
            on: [
                .status("OK"), .error(RedisServerError(message: "NOPERM x")),
                .error(RedisServerError(message: "NOPERM x")),
            ])
        #expect(restricted == nil)
        let unsaved = plain.verdict(
            on: [.status("OK"), .status("OK"), .error(RedisServerError(message: "MISCONF x"))])
        #expect(unsaved == nil)
        let sentinel = Handshake(configuration: try self.configuration("redis+sentinel://h/m"))
        let role: (String) -> RedisValue = { .array([.bytes(Array($0.utf8)), .integer(0)]) }
        #expect(sentinel.verdict(on: [.status("OK"), role("slave"), .status("PONG")])?.code == .unavailable)
        #expect(sentinel.verdict(on: [.status("OK"), role("master"), .status("PONG")]) == nil)
    }
}

/// A seeded generator: a failing walk can be repeated.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
