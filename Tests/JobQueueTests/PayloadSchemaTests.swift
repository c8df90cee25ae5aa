// The schema that is read off a payload's type, and the check against it.

import JobModel
import JobQueue
import Testing

@Suite("Payload schemas")
struct PayloadSchemaTests {
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

    static let sample = """
        {"text": "a", "number": 1.5, "count": 2, "family": "01890a5d-ac96-774b-bcce-b302099a8057",
         "list": [{"name": "b"}]}
        """

    @Test("a payload of the shape passes")
    func good() throws {
        let schema = try #require(PayloadSchema.derived(from: Sample.self))
        try PayloadSchema.check(Array(Self.sample.utf8), against: schema)
    }

    @Test(
        "a payload of another shape is refused, naming the field",
        arguments: [
            (#"{"text": 5}"#, "payload.count"), ("[]", "payload"), ("not json", "payload"),
            (Self.sample.replacing("2,", with: "2.5,"), "payload.count"),
            (Self.sample.replacing("\"a\"", with: "null"), "payload.text"),
            (Self.sample.replacing("{\"name\": \"b\"}", with: "{}"), "payload.list[0].name"),
            (Self.sample.replacing("\"text\"", with: "\"flag\": 3, \"text\""), "payload.flag"),
        ])
    func bad(payload: String, field: String) throws {
        let schema = try #require(PayloadSchema.derived(from: Sample.self))
        let error = #expect(throws: JobQueueError.self) {
            try PayloadSchema.check(Array(payload.utf8), against: schema)
        }
        #expect(error?.field == field)
        #expect(error?.code == .invalid)
    }

    @Test("an optional member may be null or absent")
    func optional() throws {
        let schema = try #require(PayloadSchema.derived(from: Sample.self))
        let payload = Self.sample.replacing("\"text\"", with: "\"flag\": null, \"inner\": null, \"text\"")
        try PayloadSchema.check(Array(payload.utf8), against: schema)
    }
}
