// Text that becomes part of a statement: identifiers and literals, quoted in one place.
// Values belong in parameters; `quoteLiteral` is for the few commands that take none (CREATE ROLE … PASSWORD, SET).

/// The longest identifier, in UTF-8 bytes (`NAMEDATALEN` - 1). The server cuts longer ones silently, and two that
/// were cut alike collide.
public let identifierBytesMax = 63

/// The name as a quoted identifier.
///
/// - Throws: `PostgresError(.invalidConfiguration)` for an empty name, one with a NUL, or one longer than 63 UTF-8
///   bytes.
public func quoteIdentifier(_ name: String) throws(PostgresError) -> String {
    let bytes = name.utf8.count
    guard bytes > 0 else {
        throw PostgresError(.invalidConfiguration, "an identifier must not be empty")
    }
    guard bytes <= identifierBytesMax else {
        throw PostgresError(
            .invalidConfiguration,
            "identifier '\(name.prefix(20))…' has \(bytes) bytes, the longest has \(identifierBytesMax)")
    }
    guard !name.utf8.contains(0) else {
        throw PostgresError(.invalidConfiguration, "an identifier must not contain NUL")
    }
    return doubling(UInt8(ascii: "\""), in: name, prefix: "\"", suffix: "\"")
}

/// The text as a string literal that means the same whatever `standard_conforming_strings` says.
///
/// - Throws: `PostgresError(.invalidConfiguration)` if the text contains a NUL.
public func quoteLiteral(_ text: String) throws(PostgresError) -> String {
    guard !text.utf8.contains(0) else {
        throw PostgresError(.invalidConfiguration, "a text literal must not contain NUL")
    }
    let quoted = doubling(UInt8(ascii: "'"), in: text, prefix: "'", suffix: "'")
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return quoted }
    return doubling(UInt8(ascii: "\\"), in: quoted, prefix: "E", suffix: "")
}

private func doubling(_ mark: UInt8, in text: String, prefix: String, suffix: String) -> String {
    var bytes = Array(prefix.utf8)
    for byte in text.utf8 {
        if byte == mark { bytes.append(mark) }
        bytes.append(byte)
    }
    bytes += suffix.utf8
    return String(decoding: bytes, as: UTF8.self)
}
