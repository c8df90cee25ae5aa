// Base64 with '-' and '_' and no padding (RFC 4648, section 5): safe in URLs, file names and our own text formats.

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

enum Base64URL {
    static func encode(_ bytes: some Sequence<UInt8>) -> String {
        let standard = Data(bytes).base64EncodedString()
        return String(
            String.UnicodeScalarView(
                standard.unicodeScalars.compactMap { scalar -> Unicode.Scalar? in
                    switch scalar {
                    case "+": "-"
                    case "/": "_"
                    case "=": nil
                    default: scalar
                    }
                }))
    }

    /// nil unless the text is base64url, or standard base64, with or without padding.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var standard = ""
        for scalar in text.unicodeScalars where scalar != "=" {
            switch scalar {
            case "-": standard += "+"
            case "_": standard += "/"
            default: standard.unicodeScalars.append(scalar)
            }
        }
        standard += String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        return Data(base64Encoded: standard).map { Array($0) }
    }
}
