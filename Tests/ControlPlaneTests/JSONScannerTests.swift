// The strict reading of request bodies.

import Testing

@testable import ControlPlane

@Suite struct JSONScannerTests {
    @Test(arguments: [
        "null", "true", "false", "0", "-0", "12.5e+3", "1E9", #""""#, #""\u00e9\n\"\\\/""#, #""\ud83d\ude00""#, "[]",
        "{}", " [ 1 , { \"a\" : [ ] } ]\n", "\"é\"",
    ])
    func `What is JSON is taken whole`(text: String) throws {
        var scanner = JSONScanner(Array(text.utf8))
        let range = try scanner.onlyValue()
        #expect(
            String(decoding: Array(text.utf8)[range], as: UTF8.self)
                == text.drop { $0 == " " }.replacing("\n", with: ""))
    }

    @Test(arguments: [
        "", " ", "nul", "True", "01", "1.", ".5", "-", "1e", "+1", "'a'", #"""#, #""\x""#, #""\u12g4""#, #""\ud800""#,
        #""\ud800\u0041""#, #""\udc00""#, "\"\t\"", "[1,]", "[1 2]", "[", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}",
        "1 2", "[]]", "// x\n1", "NaN",
    ])
    func `What is not JSON is refused`(text: String) {
        #expect(throws: JSONSyntaxError.self) {
            var scanner = JSONScanner(Array(text.utf8))
            _ = try scanner.onlyValue()
        }
    }

    @Test func `Nesting is bounded`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        var fits = JSONScanner(nested(JSONScanner.depthMax))
        _ = try fits.onlyValue()
        #expect(throws: JSONSyntaxError.self) {
            var deep = JSONScanner(nested(JSONScanner.depthMax + 1))
            _ = try deep.onlyValue()
        }
        #expect(throws: JSONSyntaxError.self) {
            var bottomless = JSONScanner(Array(repeating: UInt8(ascii: "["), count: 1_000_000))
            _ = try bottomless.onlyValue()
        }
    }

    @Test func `Strings are decoded`() throws {
        var scanner = JSONScanner(Array(#""a\u00e9\ud83d\ude00\t\/b""#.utf8))
        #expect(try scanner.string() == "aé😀\t/b")
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.9999Z", -1), ("2000-02-29T12:00:00Z", 951_825_600_000),
        ("2024-12-31T23:59:59-00:30", 1_735_691_399_000), ("2100-03-01t00:00:00z", 4_107_542_400_000),
    ])
    func `Times of RFC 3339 are read`(text: String, milliseconds: Int) {
        #expect(InternetTime.milliseconds(text) == Int64(milliseconds))
    }

    @Test(arguments: [
        "", "2024-01-01", "2024-01-01 00:00:00Z", "2024-01-01T00:00:00", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-00-01T00:00:00Z", "2024-01-32T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
        "2024-01-01T00:00:60Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00+25:00", "2024-01-01T00:00:00Zjunk",
        "+024-01-01T00:00:00Z",
    ])
    func `What is no time is refused`(text: String) {
        #expect(InternetTime.milliseconds(text) == nil)
    }
}
