// Identifiers, names and the retry policy.

import JobModel
import Testing

@Suite("Values")
struct ValueTests {
    @Test("a UUID's text and bytes round-trip")
    func uuidRoundTrip() throws {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057"
        let uuid = try #require(UUIDBytes(text))
        #expect(uuid.description == text)
        #expect(UUIDBytes(text.uppercased()) == uuid)
        #expect(UUIDBytes(bytes: uuid.bytes[...]) == uuid)
        #expect(uuid.bytes.first == 0x01)
        #expect(uuid.bytes.last == 0x57)
    }

    @Test(
        "what is not a UUID is refused",
        arguments: [
            "", "01890a5d", "01890a5dac96774bbcceb302099a8057", "01890a5d-ac96-774b-bcce-b302099a805",
            "01890a5d-ac96-774b-bcce-b302099a80577", "01890a5d-ac96-774b-bcceb-302099a8057",
            "g1890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a805é",
        ])
    func notAUUID(text: String) {
        #expect(UUIDBytes(text) == nil)
    }

    @Test("version 7 carries its time first, then version and variant")
    func version7() {
        var generator = SplitMix64(state: 42)
        let early = UUIDBytes.version7(milliseconds: 0x0123_4567_89AB, using: &generator)
        let late = UUIDBytes.version7(milliseconds: 0x0123_4567_89AC, using: &generator)
        #expect(early.description.hasPrefix("01234567-89ab-7"))
        #expect(early < late)
        #expect(early.bytes[8] >> 6 == 0b10)
    }

    @Test("an id counted up is another of the same millisecond, also past the end of its bits")
    func countingUp() {
        let first = UUIDBytes(high: 0x0123_4567_89AB_7CDE, low: 0xBFFF_FFFF_FFFF_FFFE)
        let counted = (0..<4).map { first.counting(up: $0).description }
        #expect(
            counted == [
                "01234567-89ab-7cde-bfff-fffffffffffe", "01234567-89ab-7cde-bfff-ffffffffffff",
                "01234567-89ab-7cde-8000-000000000000", "01234567-89ab-7cde-8000-000000000001",
            ])
    }

    @Test(
        "kinds and queues are plain names",
        arguments: [
            ("family.provision", true), ("a", true), ("A", false), ("", false), ("1a", false), ("a b", false),
            ("a:b", false), (String(repeating: "a", count: 64), true), (String(repeating: "a", count: 65), false),
        ])
    func names(text: String, isValid: Bool) {
        #expect(((try? JobKind(validating: text)) != nil) == isValid)
        #expect(((try? QueueName(validating: text)) != nil) == isValid)
    }

    @Test("delays double up to the longest, and jitter takes at most half")
    func delays() {
        let policy = RetryPolicy(maxAttempts: 10, baseDelay: .seconds(1), maxDelay: .seconds(60))
        #expect(policy.delay(afterFailures: 1, jitter: 0) == .milliseconds(500))
        #expect(policy.delay(afterFailures: 3, jitter: 0) == .seconds(2))
        #expect(policy.delay(afterFailures: 100, jitter: 0) == .seconds(30))
        #expect(policy.delay(afterFailures: 100, jitter: 0.999) < .seconds(60))
    }

    @Test("the last failure is death, an undecodable payload spends nothing, a missing database parks")
    func decisions() {
        let policy = RetryPolicy(maxAttempts: 3)
        #expect(policy.settlement(for: .transient(), failures: 2, jitter: 0) == .dead(spent: true, .attemptsExhausted))
        if case .retry = policy.settlement(for: .transient(), failures: 1, jitter: 0) {
        } else {
            Issue.record("no retry")
        }
        #expect(
            policy.settlement(for: .transient(after: .seconds(9)), failures: 0, jitter: 0) == .retry(after: .seconds(9))
        )
        #expect(policy.settlement(for: .undecodable, failures: 0, jitter: 0) == .dead(spent: false, .undecodable))
        #expect(policy.settlement(for: .permanent, failures: 0, jitter: 0) == .dead(spent: true, .discarded))
        if case .park(.databaseDown, _) = policy.settlement(for: .notReady(.databaseDown), failures: 9, jitter: 0) {
        } else {
            Issue.record("not parked")
        }
        #expect(policy.settlement(for: .workerStopping, failures: 2, jitter: 0) == .giveBack)
    }
}
