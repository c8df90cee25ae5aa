// What the fast coder does not know is Foundation's: values whose `encode(to:)` does something unusual must neither be
// written in another way, nor hold up the others.

import Testing

@testable import JobQueue

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("JSON that is left to Foundation")
struct JSONFallbackTests {
    enum Key: String, CodingKey { case a, b, quoted = "say \"a\"" }

    /// Writes itself as the closure has it.
    struct Scripted: Encodable {
        let script: @Sendable (any Encoder) throws -> Void
        init(_ script: @escaping @Sendable (any Encoder) throws -> Void) { self.script = script }
        func encode(to encoder: any Encoder) throws { try self.script(encoder) }
    }

    struct Refusal: Error {}

    static let scripts: [(String, Scripted)] = [
        (
            "a key twice",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                try object.encode(1, forKey: .a)
                try object.encode(2, forKey: .a)
            }
        ),
        (
            "a key twice, not in a row",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                try object.encode(1, forKey: .b)
                try object.encode(2, forKey: .a)
                try object.encode(3, forKey: .b)
            }
        ),
        (
            "a key with quotes",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                try object.encode(1, forKey: .quoted)
            }
        ),
        (
            "containers in turns",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                var a = object.nestedUnkeyedContainer(forKey: .a)
                var b = object.nestedUnkeyedContainer(forKey: .b)
                try a.encode(1)
                try b.encode(2)
                try a.encode(3)
            }
        ),
        (
            "a container after its end",
            Scripted { encoder in
                var list = encoder.unkeyedContainer()
                var inner = list.nestedContainer(keyedBy: Key.self)
                try list.encode(1)
                try inner.encode(2, forKey: .a)
            }
        ),
        (
            "a container asked for twice",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                var a = object.nestedContainer(keyedBy: Key.self, forKey: .a)
                try a.encode(1, forKey: .a)
                var again = object.nestedContainer(keyedBy: Key.self, forKey: .a)
                try again.encode(2, forKey: .b)
            }
        ),
        (
            "a super encoder of an object",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                try object.encode(1, forKey: .a)
                try [2].encode(to: object.superEncoder())
                try "x".encode(to: object.superEncoder(forKey: .b))
            }
        ),
        (
            "a super encoder of an array",
            Scripted { encoder in
                var list = encoder.unkeyedContainer()
                try list.encode(1)
                try JSONShapes.Text(text: "x").encode(to: list.superEncoder())
                try list.encode(list.count)
            }
        ),
        (
            "a value that reads its path",
            Scripted { encoder in
                var object = encoder.container(keyedBy: Key.self)
                try object.encode(
                    Scripted { inner in
                        var single = inner.singleValueContainer()
                        try single.encode(inner.codingPath.map(\.stringValue))
                    }, forKey: .a)
            }
        ),
        (
            "an error, caught",
            Scripted { encoder in
                var list = encoder.unkeyedContainer()
                try? list.encode(
                    Scripted { inner in
                        var object = inner.container(keyedBy: Key.self)
                        try object.encode(1, forKey: .a)
                        throw Refusal()
                    })
                try? list.encode(Double.nan)
                try list.encode(1)
            }
        ),
        (
            "an error, thrown",
            Scripted { encoder in
                var list = encoder.unkeyedContainer()
                try list.encode(1)
                throw Refusal()
            }
        ),
        ("nothing", Scripted { _ in }),
        (
            "nothing within",
            Scripted { encoder in
                var list = encoder.unkeyedContainer()
                try list.encode(Scripted { _ in })
                try list.encode(Scripted { _ = $0.container(keyedBy: Key.self) })
            }
        ),
        (
            "a value that writes into what is around it",
            Scripted { encoder in
                // Used by this one encoding, while `encode(to:)` runs.
                nonisolated(unsafe) let object = encoder.container(keyedBy: Key.self)
                var outer = object
                try outer.encode(
                    Scripted { inner in
                        var single = inner.singleValueContainer()
                        var captured = object
                        try captured.encode(2, forKey: .b)
                        try single.encode(1)
                    }, forKey: .a)
            }
        ),
    ]

    @Test(
        "a value with an unusual encode(to:) has Foundation's text, or its error", arguments: JSONFallbackTests.scripts)
    func unusual(_ name: String, _ value: Scripted) {
        JSONReference.expectSameText(value, Comment(rawValue: name))
        JSONReference.expectSameText([value], Comment(rawValue: name))
        #expect(JSONWriter.text(of: value) == nil || name == "nothing within")
    }

    /// "K" and the Kelvin sign are equal strings, and so are the two ways to write "é".
    struct Kelvin: Codable, Equatable {
        var latin: Int?
        var kelvin: Int?
        var composed: Int?
        var decomposed: Int?
        enum CodingKeys: String, CodingKey {
            case latin = "K"
            case kelvin = "\u{212A}"
            case composed = "\u{E9}"
            case decomposed = "e\u{301}"
        }
    }

    @Test("keys of different bytes that are equal strings are one key")
    func equalKeys() {
        #expect(!JSONReference.expectSameText(Kelvin(latin: 1, kelvin: 2)))
        #expect(!JSONReference.expectSameText(Kelvin(composed: 1, decomposed: 2)))
        #expect(JSONReference.expectSameText(Kelvin(kelvin: 2, decomposed: 3)))
        for key in ["K", "\u{212A}", "\u{E9}", "e\u{301}", #"\u00e9"#, #"\u212a"#] {
            #expect(JSONReference.expectSameValue(Kelvin.self, in: Array("{\"\(key)\":1}".utf8)))
        }
        #expect(JSONReference.expectSameValue(Kelvin.self, in: Array("{\"\u{212A}\":1,\"K\":2}".utf8)))
    }

    struct Special: Codable, Equatable {
        var data: Data?
        var url: URL?
        var decimal: Decimal?
    }

    @Test("Data, URL and Decimal are Foundation's; optionals that are nil need none of it")
    func special() throws {
        for value in [
            Special(data: Data([1, 2, 255])), Special(url: URL(string: "https://example.com/a?b=c")),
            Special(decimal: Decimal(string: "12345678901234567890.5")),
        ] {
            #expect(!JSONReference.expectSameText(value))
            #expect(!JSONReference.expectSameValue(Special.self, in: try JSONReference.encode(value)))
        }
        #expect(JSONReference.expectSameText(Special()))
        #expect(JSONReference.expectSameValue(Special.self, in: Array("{}".utf8)))
    }

    @Test(
        "a NUL is found where JSON writes one, and where it only looks like one it is none",
        arguments: [
            (#"{"a":"\u0000"}"#, true), (#"{"a\u0000":1}"#, true), (#"["\\\u0000"]"#, true), (#"["\\u0000"]"#, false),
            (#"["\n\\"]"#, false), (#"["u0000"]"#, false), (#"["\u0001"]"#, false), ("[]", false),
        ])
    func nul(_ json: String, _ isThere: Bool) {
        #expect(JSONText.hasNUL(in: Array(json.utf8)) == isThere)
    }

    @Test("texts in a row are those that each value has alone, whoever writes them")
    func texts() throws {
        let values = Self.scripts.map(\.1).filter { (try? JSONText.encode($0)) != nil }.shuffled()
        #expect(values.contains { JSONWriter.text(of: $0) == nil } && values.count > 5)
        let between = values.flatMap { [$0, Scripted { try "between \"two\"".encode(to: $0) }] }
        let texts = JSONTexts(of: between) { index, text in
            #expect((try? text.get()) == (try? JSONText.encode(between[index]).count))
        }
        for (index, value) in between.enumerated() { #expect(Array(texts[index]) == (try JSONText.encode(value))) }

        var seen: [Int] = []
        #expect(throws: Refusal.self) {
            try JSONTexts(of: [Scripted { try 1.encode(to: $0) }, Scripted { _ in throw Refusal() }, values[0]]) {
                index, text throws(Refusal) in
                seen.append(index)
                if case .failure = text { throw Refusal() }
            }
        }
        #expect(seen == [0, 1])
    }

    @Test("numbers that are not finite are refused as by Foundation", arguments: [Double.nan, .infinity, -.infinity])
    func notFinite(_ number: Double) {
        JSONReference.expectSameText(number)
        JSONReference.expectSameText(["a": [number]])
        JSONReference.expectSameText(Float(number))
    }

    @Test(
        "depths that the fast coder leaves, and those that Foundation refuses",
        arguments: [127, 128, 129, 511, 512, 513])
    func depth(_ depth: Int) {
        var value = JSONValue.array([])
        for _ in 1..<depth { value = .array([value]) }
        JSONReference.expectSameText(value)
    }

    /// Takes an integer or, for want of one, the error that says why.
    struct Forgiving: Decodable, Equatable {
        var text: String
        init(from decoder: any Decoder) throws {
            let object = try decoder.container(keyedBy: Key.self)
            do {
                self.text = String(try object.decode(Int.self, forKey: .a))
            } catch {
                self.text = "\(error) \(decoder.codingPath) \(object.allKeys.count)"
            }
        }
    }

    @Test(
        "an error that a value catches is Foundation's too",
        arguments: ["1", "1.0", "1.5", "\"x\"", "null", "1e400", "[]"])
    func caught(_ text: String) {
        JSONReference.expectSameValue(Forgiving.self, in: Array("{\"a\":\(text)}".utf8))
        JSONReference.expectSameValue([Forgiving].self, in: Array("[{\"a\":\(text)}, {}]".utf8))
    }

    class Parent: Codable {
        var a = 1
    }

    final class Child: Parent, Equatable {
        var b = 2
        enum ChildKey: CodingKey { case b }
        override init() { super.init() }
        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: ChildKey.self)
            self.b = try container.decode(Int.self, forKey: .b)
            try super.init(from: try container.superDecoder())
        }
        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: ChildKey.self)
            try container.encode(self.b, forKey: .b)
            try super.encode(to: container.superEncoder())
        }
        static func == (left: Child, right: Child) -> Bool { left.a == right.a && left.b == right.b }
    }

    @Test("a class with its parent in a super container is Foundation's")
    func inheritance() {
        #expect(!JSONReference.expectSameText(Child()))
        #expect(!JSONReference.expectSameValue(Child.self, in: Array(#"{"b":3,"super":{"a":4}}"#.utf8)))
        #expect(!JSONReference.expectSameValue(Child.self, in: Array(#"{"b":3}"#.utf8)))
    }
}
