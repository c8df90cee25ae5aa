// Quoting, array literals, parameters and errors. No server.

import Testing

@testable import Postgres

@Suite("Quoting")
struct QuotingTests {
    @Test(
        "doubles the quotes of an identifier", arguments: [("a", "\"a\""), ("a\"b", "\"a\"\"b\""), ("Ä b", "\"Ä b\"")])
    func identifiers(name: String, quoted: String) throws {
        #expect(try quoteIdentifier(name) == quoted)
    }

    @Test(
        "refuses an identifier that is empty, has a NUL, or is longer than 63 bytes",
        arguments: ["", "a\0b", String(repeating: "x", count: 64), String(repeating: "ä", count: 32)])
    func badIdentifiers(name: String) {
        #expect(throws: PostgresError.self) { try quoteIdentifier(name) }
    }

    @Test("takes an identifier of 63 bytes")
    func longest() throws {
        #expect(try quoteIdentifier(String(repeating: "x", count: 63)).count == 65)
    }

    @Test(
        "doubles the quotes of a literal, and its backslashes in an E string",
        arguments: [("a", "'a'"), ("it's", "'it''s'"), ("a\\b'", "E'a\\\\b'''"), ("", "''")])
    func literals(text: String, quoted: String) throws {
        #expect(try quoteLiteral(text) == quoted)
    }

    @Test("refuses a literal with a NUL")
    func badLiteral() {
        #expect(throws: PostgresError.self) { try quoteLiteral("a\0") }
    }
}

@Suite("An array literal")
struct ArrayLiteralTests {
    @Test(
        "comes back as it was",
        arguments: [[], ["a"], ["", nil, "NULL", "null"], ["a,b", "{c}", "\"d\"", "\\e", " f ", "g\nh"]] as [[String?]])
    func roundTrip(elements: [String?]) {
        var bytes: [UInt8] = []
        ArrayLiteral.append(elements, to: &bytes)
        #expect(ArrayLiteral.parse(bytes) == elements)
    }

    @Test("is read in the server's own form, which quotes only where it must")
    func serverForm() {
        #expect(ArrayLiteral.parse(Array("{a,NULL,\"b c\",4f\\\"}".utf8)) == ["a", nil, "b c", "4f\""])
    }

    @Test(
        "is refused when malformed or of two dimensions",
        arguments: ["", "{", "a", "{a", "{a,}", "{,a}", "{\"a}", "{a}b", "{{a},{b}}", "[0:1]={a,b}", "{\"a\"b}"])
    func malformed(text: String) {
        #expect(ArrayLiteral.parse(Array(text.utf8)) == nil)
    }
}

@Suite("Parameters")
struct BindArenaTests {
    @Test("are laid out as texts, with bytea in binary")
    func layout() throws {
        let values: [PostgresValue] = [
            .int(Int64.min), 0, nil, "hé", true, 1.5, .bytes([0, 255]), .array(["a", nil]),
        ]
        let arena = try BindArena(values)
        let texts = arena.withPointers { pointers in
            (0..<Int(pointers.count)).map { index in
                pointers.values?[index].map { start in
                    let length = Int(pointers.lengths?[index] ?? 0)
                    let bytes = UnsafeRawBufferPointer(start: start, count: length)
                    return pointers.formats?[index] == 1
                        ? "binary \(Array(bytes))" : String(decoding: bytes, as: UTF8.self)
                }
            }
        }
        let expected = ["-9223372036854775808", "0", nil, "hé", "t", "1.5", "binary [0, 255]", "{\"a\",NULL}"]
        #expect(texts == expected)
    }

    @Test("of a text with a NUL are refused, by number")
    func nul() {
        let error = #expect(throws: PostgresError.self) { try BindArena(["a", "b\0c"]) }
        #expect(error?.code == .protocolViolation)
        #expect(error?.message.contains("$2") == true)
    }

    @Test("are at most 65,535")
    func tooMany() {
        #expect(throws: PostgresError.self) { try BindArena(Array(repeating: .null, count: 65_536)) }
    }
}

@Suite("An error")
struct PostgresErrorTests {
    @Test(
        "of the server can be tried again if its SQLSTATE passes by itself",
        arguments: [
            ("08006", true), ("40001", true), ("40P01", true), ("53300", true), ("55P03", true), ("57P01", true),
            ("57014", true), ("26000", true), ("72000", true), ("23505", false), ("42601", false), ("22P02", false),
            ("28P01", false), ("0A000", false), ("57P04", false), ("XX000", false),
        ])
    func server(state: String, canRetry: Bool) {
        let state = SQLState(rawValue: state)
        #expect(PostgresError.canRetry(code: .server, sqlState: state) == canRetry)
        // The same answers to an attempt to connect.
        #expect(PostgresError.canRetry(code: .connectionFailed, sqlState: state) == canRetry)
    }

    @Test(
        "without a SQLSTATE is judged by its code",
        arguments: [
            (PostgresError.Code.server, false), (.connectionFailed, true), (.connectionLost, true), (.timeout, true),
            (.poolExhausted, true), (.cancelled, false), (.poolClosed, false), (.invalidConfiguration, false),
            (.decoding, false), (.protocolViolation, false),
        ])
    func codes(code: PostgresError.Code, canRetry: Bool) {
        #expect(PostgresError(code, "").canRetry == canRetry)
    }

    @Test("shows values in its debug description alone")
    func redaction() {
        let duplicate = PostgresError(
            .server, "duplicate key", sqlState: .uniqueViolation, detail: "Key (email)=(ann@x) exists",
            constraint: "users_email_key")
        #expect(!"\(duplicate)".contains("ann@x"))
        #expect("\(duplicate)".contains("users_email_key"))
        #expect(duplicate.debugDescription.contains("ann@x"))
        let bad = PostgresError(
            .server, "invalid input syntax for type integer: \"s\"ecret\"", sqlState: .invalidTextRepresentation)
        #expect(!"\(bad)".contains("ecret"))
        #expect("\(bad)".contains("type integer"))
        #expect(bad.debugDescription.contains("ecret"))
    }
}
