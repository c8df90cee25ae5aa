// The schema that is read off a payload's type, and the check against it.

import JobModel
import JobQueue
import Testing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("Payload schemas")
struct PayloadSchemaTests {
    enum Size: String, Codable, CaseIterable { case small, large }
    struct Nothing: Codable {}
    struct Inner: Codable { var name: String }
    struct Sample: Codable {
        var text: String
        var number: Double
        var count: Int
        var flag: Bool?
        var family: FamilyID
        var list: [Inner]
        var inner: Inner?
    }
    struct Rich: Codable {
        var at: Date = Date(timeIntervalSince1970: 0)
        var uuid: UUID? = nil
        var size: Size = .small
        var counts: [String: Int] = ["a": 1]
        var holes: [Int?] = [1, nil]
        var other: JSONValue = .array([.null])
        var pair = Pair(name: "a", count: 1)
        var nothing = Nothing()
    }
    /// Written as an array of a text and a number.
    struct Pair: Codable {
        var name: String
        var count: Int

        init(name: String, count: Int) {
            self.name = name
            self.count = count
        }
        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            self.name = try container.decode(String.self)
            self.count = try container.decode(Int.self)
        }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.unkeyedContainer()
            try container.encode(self.name)
            try container.encode(self.count)
        }
    }
    /// Looks at what there is before it decodes.
    struct Choosing: Codable {
        enum Key: String, CodingKey { case circle, square }
        var side: Double

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            self.side = try container.decode(Double.self, forKey: container.contains(.circle) ? .circle : .square)
        }
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(self.side, forKey: .square)
        }
    }

    static let sample = """
        {"text": "a", "number": 1.5, "count": 2, "family": "01890a5d-ac96-774b-bcce-b302099a8057",
         "list": [{"name": "b"}]}
        """

    private func check(_ payload: String, _ type: (some Decodable).Type) throws {
        let schema = try #require(PayloadSchema.derived(from: type))
        try PayloadSchema.check(Array(payload.utf8), against: schema)
    }

    private func refusal(_ payload: String, _ type: (some Decodable).Type) throws -> JobQueueError? {
        do {
            try self.check(payload, type)
            return nil
        } catch let error as JobQueueError {
            #expect(error.code == .invalid)
            return error
        }
    }

    @Test("a payload of the shape passes")
    func good() throws { try self.check(Self.sample, Sample.self) }

    @Test(
        "a payload of another shape is refused, naming the field",
        arguments: [
            (#"{"text": 5}"#, "payload.count"), ("[]", "payload"), ("not json", "payload"),
            (Self.sample.replacing("2,", with: "2.5,"), "payload.count"),
            (Self.sample.replacing("2,", with: "1e30,"), "payload.count"),
            (Self.sample.replacing("\"a\"", with: "null"), "payload.text"),
            (Self.sample.replacing("{\"name\": \"b\"}", with: "{}"), "payload.list[0].name"),
            (Self.sample.replacing("\"text\"", with: "\"flag\": 3, \"text\""), "payload.flag"),
            (Self.sample.replacing("01890a5d", with: "x1890a5d"), "payload.family"),
            (Self.sample.replacing("\"text\"", with: "\"texts\": 3, \"text\""), "payload.texts"),
            (Self.sample.replacing("{\"name\"", with: "{\"nick\": 1, \"name\""), "payload.list[0].nick"),
        ])
    func bad(payload: String, field: String) throws {
        #expect(try self.refusal(payload, Sample.self)?.field == field)
    }

    @Test("a member that the type never reads is refused by name, with those it has, before a missing one")
    func unknownMember() throws {
        let error = try self.refusal(#"{"nmae": "b"}"#, Inner.self)
        #expect(error?.description == "payload.nmae: is not a member of this kind's payload: known here is name")
        #expect(try self.refusal(#"{"a": 1}"#, Nothing.self)?.field == "payload.a")
        #expect(try self.refusal("{}", Nothing.self) == nil)
    }

    @Test("an optional member may be null or absent")
    func optional() throws {
        try self.check(
            Self.sample.replacing("\"text\"", with: "\"flag\": null, \"inner\": null, \"text\""), Sample.self)
    }

    @Test("whatever the project's JSON writes of a value, the schema of its type accepts")
    func roundTrip() throws {
        for rich in [Rich(), Rich(uuid: UUID(), size: .large, counts: [:], holes: [], other: .string("x"))] {
            try self.check(try JSONText.string(rich), Rich.self)
        }
        try self.check(#"{"square": 2}"#, Choosing.self)
    }

    @Test(
        "times, UUIDs, choices and dictionaries are checked in the form that the project's JSON gives them",
        arguments: [
            ("\"1970-01-01T00:00:00Z\"", "0", "payload.at"), ("\"1970-01-01T00:00:00Z\"", "\"now\"", "payload.at"),
            ("\"small\"", "\"tiny\"", "payload.size"), ("\"a\":1", "\"a\":\"1\"", "payload.counts.a"),
            ("[1,null]", "[1,\"2\"]", "payload.holes[1]"),
            ("\"nothing\":{}", "\"nothing\":{\"b\":1}", "payload.nothing.b"),
            ("\"nothing\":{}", "\"nothing\":{},\"uuid\":\"1\"", "payload.uuid"),
        ])
    func richMembers(part: String, other: String, field: String) throws {
        let payload = try JSONText.string(Rich())
        #expect(payload.contains(part))
        #expect(try self.refusal(payload.replacing(part, with: other), Rich.self)?.field == field)
    }

    @Test("what a decoder says is put into JSON's words")
    func explain() {
        for (json, words) in [
            (#"{"name": 5}"#, "payload.name: must be a string"), ("{}", "payload: must have \"name\""),
            (#"{"name": null}"#, "payload.name: must be a string, is null"), ("[]", "payload: must be an object"),
        ] {
            let error = #expect(throws: DecodingError.self) {
                try JSONText.decode(Inner.self, from: Array(json.utf8))
            }
            #expect(error.map(PayloadSchema.explain) == words)
        }
    }

    @Test("a schema of other tools' making is understood as far as it goes")
    func foreign() throws {
        let schema = #"""
            {"type": "object", "additionalProperties": {"type": "string"},
             "properties": {"a": {"type": ["integer", "null"]}, "b": true}}
            """#
        try PayloadSchema.check(Array(#"{"a": null, "b": [], "c": "x"}"#.utf8), against: schema)
        let error = #expect(throws: JobQueueError.self) {
            try PayloadSchema.check(Array(#"{"c": 1}"#.utf8), against: schema)
        }
        #expect(error?.field == "payload.c")
    }
}
