// RFC 3339 date and time to milliseconds since 1970: `due_at` of a request. Strict; Foundation's ISO 8601 styles take
// either fractions or none.

/// Reads `2025-03-01T12:00:00Z`, `2025-03-01T13:00:00.25+01:00`.
enum InternetTime {
    static func milliseconds(_ text: String) -> Int64? {
        var bytes = Array(text.utf8)[...]
        guard let year = digits(4, &bytes), take("-", &bytes), let month = digits(2, &bytes), take("-", &bytes),
            let day = digits(2, &bytes), take("T", &bytes) || take("t", &bytes), let hour = digits(2, &bytes),
            take(":", &bytes), let minute = digits(2, &bytes), take(":", &bytes), let second = digits(2, &bytes)
        else { return nil }
        var fraction: Int64 = 0
        if take(".", &bytes) {
            let places = bytes.prefix { isDigit($0) }
            guard (1...9).contains(places.count) else { return nil }
            // What is finer than milliseconds is cut off.
            for index in 0..<3 {
                let digit = index < places.count ? Int64(places[places.startIndex + index] - UInt8(ascii: "0")) : 0
                fraction = fraction * 10 + digit
            }
            bytes = bytes.dropFirst(places.count)
        }
        guard let offset = offsetMinutes(&bytes), bytes.isEmpty, (1...12).contains(month),
            (1...days(year, month)).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        let seconds = ((daysSince1970(year, month, day) * 24 + hour) * 60 + minute - offset) * 60 + second
        return seconds * 1000 + fraction
    }

    private static func offsetMinutes(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
        if take("Z", &bytes) || take("z", &bytes) { return 0 }
        let sign: Int64
        if take("+", &bytes) {
            sign = 1
        } else if take("-", &bytes) {
            sign = -1
        } else {
            return nil
        }
        guard let hours = digits(2, &bytes), take(":", &bytes), let minutes = digits(2, &bytes), hours < 24,
            minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func digits(_ count: Int, _ bytes: inout ArraySlice<UInt8>) -> Int64? {
        let digits = bytes.prefix(count)
        guard digits.count == count, digits.allSatisfy({ isDigit($0) }) else { return nil }
        bytes = bytes.dropFirst(count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func take(_ scalar: UnicodeScalar, _ bytes: inout ArraySlice<UInt8>) -> Bool {
        guard let byte = bytes.first, UInt32(byte) == scalar.value else { return false }
        bytes = bytes.dropFirst()
        return true
    }

    private static func days(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", for years from 0.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let marchYear = month > 2 ? year : year - 1
        let era = (marchYear >= 0 ? marchYear : marchYear - 399) / 400
        let yearOfEra = marchYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
