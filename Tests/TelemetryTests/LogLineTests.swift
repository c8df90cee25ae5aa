// What a log line looks like, whatever is logged.

import Logging
import Synchronization
import Testing

@testable import Telemetry

@Suite struct LogLineTests {
    /// A logger whose lines are kept.
    final class Lines: Sendable {
        let lines = Mutex<[String]>([])

        func logger(_ format: LogFormat, level: Logger.Level = .info) -> Logger {
            Logger(label: "test") { label in
                LineLogHandler(
                    label: label, format: format, logLevel: level,
                    now: { LogTime(milliseconds: 1_709_210_096_789) },
                    write: { bytes in self.lines.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } })
            }
        }

        var all: [String] { self.lines.withLock { $0 } }
    }

    struct Failure: Error, CustomStringConvertible { let description = "it \"broke\"" }

    let lines = Lines()

    @Test func `A JSON line has its keys in order and its metadata sorted`() {
        var logger = lines.logger(.json)
        logger[metadataKey: "zeta"] = "1"
        logger.info(
            "hello",
            metadata: [
                "alpha": .stringConvertible(2), "list": ["a", "b"], "map": ["k": "v"], "on": .stringConvertible(true),
            ],
            source: "S")
        #expect(
            lines.all == [
                #"{"time":"2024-02-29T12:34:56.789Z","level":"info","logger":"test","message":"hello","source":"S","#
                    + #""alpha":2,"list":["a","b"],"map":{"k":"v"},"on":true,"zeta":"1"}"# + "\n"
            ])
    }

    @Test func `A text line quotes what is not one word`() {
        let logger = lines.logger(.text)
        logger.warning("two words", metadata: ["a": "x y", "b": "plain", "c": "q\"uote", "d": ""])
        #expect(
            lines.all == [
                "2024-02-29T12:34:56.789Z WARNING test: two words a=\"x y\" b=plain c=\"q\\\"uote\" d=\"\"\n"
            ])
    }

    @Test(arguments: LogFormat.allCases)
    func `Nothing that is logged makes a second line`(format: LogFormat) {
        let logger = lines.logger(format)
        logger.error(
            "one\ntwo\r\u{2028}three\u{0}\u{1B}[31m", metadata: ["a\nb": "c\nd", "e": .array(["f\ng"])])
        let line = lines.all.joined()
        #expect(line.unicodeScalars.filter { $0 == "\n" || $0 == "\r" || $0 == "\u{2028}" }.count == 1)
        #expect(line.hasSuffix("\n"))
        #expect(!line.unicodeScalars.contains("\u{1B}"))
    }

    @Test func `The error of an event is shown`() {
        lines.logger(.json).error("failed", error: Failure(), source: "S")
        #expect(lines.all[0].contains(#""error":"it \"broke\"""#))
    }

    @Test func `Metadata that is named like a field gets another name`() {
        lines.logger(.json).info("m", metadata: ["level": "high"], source: "S")
        #expect(lines.all[0].contains(#""metadata.level":"high""#))
    }

    @Test func `A huge value is cut`() {
        lines.logger(.json).info("m", metadata: ["v": "\(String(repeating: "x", count: 100_000))"])
        #expect(lines.all[0].utf8.count < LogLine.valueBytesMax + 500)
    }

    @Test func `What is below the level is not written`() {
        lines.logger(.json, level: .warning).info("m")
        #expect(lines.all.isEmpty)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"), (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
    ])
    func `Times are UTC`(milliseconds: Int, text: String) {
        #expect(LogTime(milliseconds: Int64(milliseconds)).description == text)
    }
}
