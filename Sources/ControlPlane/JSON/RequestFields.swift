// Reads the members of a request's JSON object by name, and collects every broken rule on the way, so that a caller
// learns of all of them at once. A member that nobody asked for is one of them: `maxattempts` shall not be ignored in
// silence.

/// A rule that an input breaks.
struct FieldError: Error, Sendable, Hashable, Codable {
    /// `slug`, `jobs[3].kind`, `payload.seconds`
    var field: String
    /// `must have 2 to 50 characters`
    var rule: String
}

/// The members of one JSON object.
struct RequestFields {
    private let bytes: [UInt8]
    private let prefix: String
    private var members: [String: Range<Int>] = [:]
    private(set) var errors: [FieldError] = []

    /// Reads the outer object of a body.
    ///
    /// - Throws: `Problem` 400: not UTF-8, not JSON, or no object.
    init(body bytes: [UInt8]) throws(Problem) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw Problem(.malformedBody, "The body must be JSON in UTF-8; it is not UTF-8.")
        }
        do {
            var scanner = JSONScanner(bytes)
            let range = try scanner.onlyValue()
            guard bytes[range].first == UInt8(ascii: "{") else {
                throw Problem(.malformedBody, "The body must be a JSON object.")
            }
            try self.init(bytes, range: range, prefix: "")
        } catch let error as JSONSyntaxError {
            throw Problem(.malformedBody, "The body is not JSON: \(error).")
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(.malformedBody, "The body is not JSON.")
        }
    }

    private init(_ bytes: [UInt8], range: Range<Int>, prefix: String) throws(JSONSyntaxError) {
        self.bytes = bytes
        self.prefix = prefix
        var members: [String: Range<Int>] = [:]
        var doubled: [String] = []
        var scanner = JSONScanner(bytes, range: range)
        try scanner.members { name, range in
            if members.updateValue(range, forKey: name) != nil { doubled.append(name) }
        }
        self.members = members
        for name in doubled { self.reject(name, "is there twice") }
    }

    /// Notes a broken rule.
    mutating func reject(_ field: String, _ rule: String) {
        self.errors.append(FieldError(field: self.prefix + field, rule: rule))
    }

    /// A text; nil when it is absent, null or broken.
    mutating func string(_ name: String) -> String? {
        guard let range = self.take(name) else { return nil }
        var scanner = JSONScanner(self.bytes, range: range)
        guard let text = try? scanner.string() else {
            self.reject(name, "must be a string")
            return nil
        }
        guard !text.utf8.contains(0) else {
            self.reject(name, "must not hold NUL characters")
            return nil
        }
        return text
    }

    /// A text that must be there; nil when a rule is broken.
    mutating func requiredString(_ name: String) -> String? {
        guard self.has(name) else {
            self.members[name] = nil
            self.reject(name, "is required")
            return nil
        }
        return self.string(name)
    }

    /// A whole number within bounds; nil when it is absent, null or broken.
    mutating func int(_ name: String, in bounds: ClosedRange<Int>) -> Int? {
        guard let range = self.take(name) else { return nil }
        guard let number = Int(String(decoding: self.bytes[range], as: UTF8.self)), bounds.contains(number) else {
            self.reject(name, "must be a whole number from \(bounds.lowerBound) to \(bounds.upperBound)")
            return nil
        }
        return number
    }

    /// A number within bounds; nil when it is absent, null or broken.
    mutating func double(_ name: String, in bounds: ClosedRange<Double>) -> Double? {
        guard let range = self.take(name) else { return nil }
        guard self.isNumber(range), let number = Double(String(decoding: self.bytes[range], as: UTF8.self)),
            bounds.contains(number)
        else {
            self.reject(name, "must be a number from \(Int(bounds.lowerBound)) to \(Int(bounds.upperBound))")
            return nil
        }
        return number
    }

    /// The bytes of any value, null included; nil when it is absent.
    mutating func json(_ name: String) -> [UInt8]? {
        self.members.removeValue(forKey: name).map { Array(self.bytes[$0]) }
    }

    /// The objects of an array, each with its place in the names of its fields; nil when a rule is broken.
    ///
    /// - Parameter max: How many there may be; there must be one.
    mutating func objects(_ name: String, max: Int) -> [RequestFields]? {
        guard let range = self.take(name) else {
            self.reject(name, "is required")
            return nil
        }
        guard self.bytes[range.lowerBound] == UInt8(ascii: "[") else {
            self.reject(name, "must be an array")
            return nil
        }
        var elements: [Range<Int>] = []
        var scanner = JSONScanner(self.bytes, range: range)
        do {
            try scanner.elements { elements.append($0) }
            guard (1...max).contains(elements.count) else {
                self.reject(name, "must have 1 to \(max) elements, has \(elements.count)")
                return nil
            }
            var objects: [RequestFields] = []
            for (index, element) in elements.enumerated() {
                guard self.bytes[element.lowerBound] == UInt8(ascii: "{") else {
                    self.reject("\(name)[\(index)]", "must be an object")
                    continue
                }
                objects.append(
                    try RequestFields(self.bytes, range: element, prefix: "\(self.prefix)\(name)[\(index)]."))
            }
            return objects
        } catch {
            self.reject(name, "is not JSON: \(error)")
            return nil
        }
    }

    /// Whether the member is there and not null.
    func has(_ name: String) -> Bool {
        guard let range = self.members[name] else { return false }
        return self.bytes[range.lowerBound] != UInt8(ascii: "n")
    }

    /// All broken rules; members that nobody took are among them.
    func allErrors() -> [FieldError] {
        self.errors + self.members.keys.sorted().map { FieldError(field: self.prefix + $0, rule: "is not known here") }
    }

    /// - Throws: `Problem` 422 if a rule is broken.
    func finish() throws(Problem) {
        let errors = self.allErrors()
        guard errors.isEmpty else { throw Problem(breaking: errors) }
    }

    private mutating func take(_ name: String) -> Range<Int>? {
        let isThere = self.has(name)
        let range = self.members.removeValue(forKey: name)
        return isThere ? range : nil
    }

    private func isNumber(_ range: Range<Int>) -> Bool {
        self.bytes[range.lowerBound] == UInt8(ascii: "-")
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self.bytes[range.lowerBound])
    }
}
