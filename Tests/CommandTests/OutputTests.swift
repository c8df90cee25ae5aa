// What people and programs read: tables, indented JSON, progress, and nothing that a terminal would obey.

import JobQueue
import Testing

@testable import chorewheel

@Suite struct OutputTests {
    @Test func `a table aligns its columns and ends no line with a space`() {
        var table = TextTable("NAME", .number("JOBS"), "WHY")
        table.append(["default", "5", nil])
        table.append(["x", "12345", "paused"])
        #expect(
            table.text == """
                NAME      JOBS  WHY
                default      5
                x        12345  paused

                """)
    }

    @Test func `a row may have fewer cells than columns`() {
        var table = TextTable("A", "B")
        table.append(["1"])
        #expect(table.text == "A  B\n1\n")
    }

    @Test func `cells stay on their line and hold no control characters`() {
        var table = TextTable("NAME")
        table.append(["a\nb\u{1B}[31m\u{202E}c"])
        #expect(table.text == "NAME\na b\u{FFFD}[31m\u{FFFD}c\n")
    }

    @Test func `letters of any language are left as they are`() {
        #expect(Printable.line("Familie Müller 家 👨‍👩‍👧") == "Familie Müller 家 👨‍👩‍👧")
    }

    @Test func `fields align their values and leave out what is absent`() {
        var fields = TextFields()
        fields.append("id", "1")
        fields.append("reason", nil)
        fields.append("state", "dead")
        #expect(fields.text == "id     1\nstate  dead\n")
    }

    @Test(arguments: [
        (0, "0 ms"), (999, "999 ms"), (1000, "1 s"), (119_999, "119 s"), (120_000, "2 min"), (7_200_000, "2 h"),
        (172_800_000, "2 d"),
    ])
    func `an age has the unit that fits`(milliseconds: Int, text: String) {
        #expect(Printable.age(milliseconds: milliseconds) == text)
    }

    @Test func `JSON is indented and its values are not touched`() throws {
        let json = #"{"a":[],"b":{},"c":[1,{"d":"x:{,}\"]"}],"e":null}"#
        let text = IndentedJSON.text(Array(json.utf8))
        #expect(
            text == #"""
                {
                  "a": [],
                  "b": {},
                  "c": [
                    1,
                    {
                      "d": "x:{,}\"]"
                    }
                  ],
                  "e": null
                }
                """#)
        let before = try JSONText.decode(JSONValue.self, from: Array(json.utf8))
        #expect(try JSONText.decode(JSONValue.self, from: Array(text.utf8)) == before)
    }

    @Test func `progress counts what has ended, and tells of failures and deferrals`() {
        #expect(ProgressLine(done: 0, failed: 0, deferred: 0, total: 4).text(width: 4) == "[    ]  0 of 4")
        #expect(
            ProgressLine(done: 2, failed: 1, deferred: 1, total: 4).text(width: 4)
                == "[### ]  3 of 4  1 failed  1 deferred")
        #expect(ProgressLine(done: 0, failed: 0, deferred: 0, total: 0).text(width: 2) == "[##]  0 of 0")
    }
}
