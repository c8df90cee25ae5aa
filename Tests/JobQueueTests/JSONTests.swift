// `JSONText` against Foundation, whose texts and values it promises: odd texts by hand, random values of the shapes
// that payloads have, and texts with random damage. And that the ordinary shapes need no Foundation.

import Testing

@testable import JobQueue

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("JSON as Foundation has it")
struct JSONTests {
    @Test("random values of ordinary shapes are written and read as by Foundation, but without it")
    func shapes() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = JSONRandom(seed: seed)
        func check<Shape: JSONShape>(_ type: Shape.Type) throws {
            let value = Shape.random(&random)
            let comment = Comment(rawValue: "seed \(seed)")
            #expect(JSONReference.expectSameText(value, comment), "Foundation wrote \(value), seed \(seed)")
            let json = try JSONReference.encode(value)
            #expect(JSONReference.expectSameValue(type, in: json, comment), "Foundation read \(value), seed \(seed)")
        }
        for _ in 0..<300 { for type in JSONShapes.all { try check(type) } }
    }

    @Test("a text with random damage is accepted or refused as by Foundation")
    func damage() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = JSONRandom(seed: seed)
        let pieces =
            [
                "\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", "1", ".", "e", "+", " ", "\n", "null", "true",
                "\\u", "d83d",
                "\\ud83d\\ude00", "\u{FEFF}", "\0", "é", "\"a\":1,", ",]", "1e400", "1e-400", "18446744073709551616",
            ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80]]
        func check<Shape: JSONShape>(_ type: Shape.Type) throws {
            var json = try JSONReference.encode(Shape.random(&random))
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let start = Int.random(in: 0...json.count, using: &random)
                let end = min(json.count, start + Int.random(in: 0...3, using: &random))
                json.replaceSubrange(start..<end, with: random.bool() ? pieces.randomElement(using: &random) ?? [] : [])
            }
            let comment = Comment(rawValue: "seed \(seed)")
            JSONReference.expectSameValue(type, in: json, comparesErrors: false, comment)
            JSONReference.expectSameValue(JSONValue.self, in: json, comparesErrors: false, comment)
        }
        for _ in 0..<200 { for type in JSONShapes.all { try check(type) } }
    }

    // Not as arguments: they would stand in the log, control characters and all.
    @Test("odd texts are read as by Foundation")
    func oddTexts() { for text in Self.oddTexts { self.expectSameValues(in: Array(text.utf8)) } }

    private func expectSameValues(in json: [UInt8]) {
        JSONReference.expectSameValue(Int.self, in: json)
        JSONReference.expectSameValue(UInt8.self, in: json)
        JSONReference.expectSameValue(UInt64.self, in: json)
        JSONReference.expectSameValue(Float.self, in: json)
        JSONReference.expectSameValue(Double.self, in: json)
        JSONReference.expectSameValue(Double?.self, in: json)
        JSONReference.expectSameValue(String.self, in: json)
        JSONReference.expectSameValue(Bool.self, in: json)
        JSONReference.expectSameValue(Date.self, in: json)
        JSONReference.expectSameValue(JSONValue.self, in: json)
        JSONReference.expectSameValue([Int].self, in: json)
        JSONReference.expectSameValue([Double].self, in: json)
        // Some of the texts have two members that are no Int: which of them Foundation reports depends on an address.
        JSONReference.expectSameValue([String: Int].self, in: json, comparesErrors: false)
        JSONReference.expectSameValue([String: JSONValue].self, in: json)
        JSONReference.expectSameValue(JSONShapes.Text.self, in: json)
        JSONReference.expectSameValue(JSONShapes.Optionals.self, in: json)
        JSONReference.expectSameValue(JSONShapes.Unsorted.self, in: json)
        let theirs = try? JSONReference.decode(Double.self, from: json)
        #expect((try? JSONText.decode(Double.self, from: json))?.bitPattern == theirs?.bitPattern)
    }

    static let oddTexts: [String] = [
        "", " ", "0", "-0", "-0.0", "00", "01", "-01", "-", "+1", ".5", "1.", "1.e1", "1e", "1e+", "1e2", "1E+2", "1.0",
        "1.5e1", "100e-2", "0e5", "0e999", "-0e-999", "1e400", "-1e400", "1e-400", "1e22", "1e23", "1e308", "5e-324",
        "2e-324", "0.1", "123456789012345678", "9007199254740993", "9007199254740993.0", "255", "256", "-1",
        "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
        "18446744073709551615", "18446744073709551616", "340282366920938463463374607431768211456",
        "0.30000000000000004", "0.1000000000000000055511151231257827021181583404541015625", "16777217", "3.4028236e38",
        "1 ", " 1", "1 2", "1x", "0x10", "NaN", "Infinity", "true", "false", "null", "True", "tru", "nulls",
        "truefalse",
        #""a""#, #""a"#, #"a""#, #""\u0041""#, #""\u00e9""#, #""\u0000""#, #""\ud83d\ude00""#, #""\ud83d""#,
        #""\ude00""#, #""\ud83d\u0041""#, #""\ud83dx""#, #""\uD83D\uDE00""#, #""\u12""#, #""\u12G4""#, #""\x""#,
        #""\"\\\/\b\f\n\r\t""#, "\"\n\"", "\"\u{1F}\"", "\"\u{7F}\"", "\"\u{2028}\"", "\u{FEFF}1", "\u{FEFF}{}", "1\0",
        "\0", "[1\0]", "[]", "[ ]", "[1]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1", "[", "]", "[1]]", "[ 1 , 2 ]",
        "[\t1\r\n,2]", "[\u{0B}1]", "[null]", "[1,null]", "[1e2]", "[[1]]", "{}", "{ }", "{", "}", #"{"a":1}"#,
        #"{"a":1,}"#, #"{"a":1,,"b":2}"#, #"{"a" 1}"#, #"{"a":}"#, #"{a:1}"#, #"{'a':1}"#, #"{1:1}"#, #"{"a":1"#,
        #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"{"\u0061":1,"a":2}"#, "{\"\u{E9}\":1,\"e\u{301}\":2}",
        "{\"K\":1,\"\u{212A}\":2}", "{\"\u{212A}\":1,\"K\":2}",
        #"{"text":"x","text":1}"#, #"{"text":1,"text":"x"}"#, #"{"te\u0078t":"x"}"#, #"{"text":"x","other":01}"#,
        #"{"text":"x","other":"\ud83d"}"#, #"{"text":"x","\ud83d":1}"#, #"{"text":null}"#, #"{"text":"x"} "#,
        #"{"text":"x"}{}"#, #"{"a":null,"c":[null,1],"d":null,"e":{"text":"x"},"f":1}"#, #"{"c":[],"a":1.0}"#,
        #"{"c":[1e1]}"#, #"{"a":"1","c":[]}"#, #"{"zeta":1,"größe":2,"a":{"text":""},"ab":3,"Z":4,"élan":[5]}"#,
        "{\"zeta\":1,\"gro\u{308}\u{DF}e\":2,\"a\":{\"text\":\"\"},\"ab\":3,\"Z\":4,\"e\u{301}lan\":[5]}",
        #"{"zeta":1,"gr\u00f6\u00dfe":2,"a":{"text":""},"ab":3,"\u005a":4,"\u00e9lan":[5]}"#,
        #""2023-11-14T22:13:20Z""#, #""2023-11-14T22:13:20.5Z""#, #""2023-11-14T22:13:20+02:00""#, #""2023-11-14""#,
        #""2023-02-30T00:00:00Z""#, #""2023-11-14T22:13:20Z ""#, #""2023-11-14t22:13:20z""#, #""0001-01-01T00:00:00Z""#,
        #""1500-02-29T24:00:60Z""#, "// note\n1", "/* note */ 1",
        String(repeating: "[", count: 127) + String(repeating: "]", count: 127),
        String(repeating: "[", count: 129) + String(repeating: "]", count: 129),
        String(repeating: "[", count: 512) + String(repeating: "]", count: 512),
        String(repeating: "[", count: 513) + String(repeating: "]", count: 513),
        String(repeating: #"{"a":"#, count: 200) + "1" + String(repeating: "}", count: 200),
        "{" + (0..<40).map { #""k\#($0 % 25)":\#($0)"# }.joined(separator: ",") + "}",
    ]

    @Test("bytes that are no UTF-8 are read as by Foundation")
    func bytes() {
        let quote = UInt8(ascii: "\"")
        for bad in [
            [0xFF], [0xC3], [0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC3, 0x5C, 0x6E],
        ] as [[UInt8]] {
            let text = [quote] + bad + [quote]
            JSONReference.expectSameValue(String.self, in: text)
            JSONReference.expectSameValue(JSONValue.self, in: text)
            let beside = Array(#"{"text":"x","other":"#.utf8) + text + Array("}".utf8)
            #expect(JSONReference.expectSameValue(JSONShapes.Text.self, in: beside))
            let key = Array(#"{"text":"x","#.utf8) + text + Array(":1}".utf8)
            JSONReference.expectSameValue(JSONShapes.Text.self, in: key)
        }
        for encoding in [String.Encoding.utf16, .utf16BigEndian, .utf16LittleEndian, .utf32BigEndian] {
            let json = Array(#"{"text":"x"}"#.data(using: encoding) ?? Data())
            JSONReference.expectSameValue(JSONShapes.Text.self, in: json)
        }
    }

    @Test("numbers are read to the last bit")
    func numbers() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = JSONRandom(seed: seed)
        for _ in 0..<5000 {
            var text = random.bool() ? "-" : ""
            text += String(
                UInt64.random(in: 0...UInt64.max, using: &random) >> UInt64.random(in: 0..<64, using: &random))
            if random.bool() { text += "." + String(UInt32.random(in: 0...UInt32.max, using: &random)) }
            if random.bool() { text += "e" + String(Int.random(in: -330...310, using: &random)) }
            let json = Array(text.utf8)
            let theirs = (try? JSONReference.decode(Double.self, from: json))?.bitPattern
            #expect((try? JSONText.decode(Double.self, from: json))?.bitPattern == theirs, "\(text), seed \(seed)")
            let single = (try? JSONReference.decode(Float.self, from: json))?.bitPattern
            #expect((try? JSONText.decode(Float.self, from: json))?.bitPattern == single, "\(text), seed \(seed)")
        }
    }
}
