// What is JSON, and not the same to all who read it: members that are given twice, of which decoders take the first and
// PostgreSQL's `jsonb` the last, so that what was checked would not be what a handler gets; and NUL.

extension JSONText {
    /// Where a member is given a second time, with dots between: `payload.a.b` for `path` "payload". nil: nowhere, or
    /// `json` is no JSON.
    static func repeatedMember(in json: [UInt8], at path: String) -> String? {
        guard let outline = try? JSONOutline(json) else { return nil }
        return outline.repeatedMember(of: 0, at: path)
    }

    /// Whether a text, or a name, in `json` has a NUL, which JSON can write and PostgreSQL cannot hold.
    static func hasNUL(in json: [UInt8]) -> Bool {
        var rest = json[...]
        while let escape = rest.firstIndex(of: UInt8(ascii: "\\")) {
            rest = rest[(escape + 1)...]
            if rest.starts(with: "u0000".utf8) { return true }
            // What is escaped begins no escape.
            rest = rest.dropFirst()
        }
        return false
    }
}

extension JSONOutline {
    fileprivate func repeatedMember(of index: Int, at path: String) -> String? {
        let end = self.next(after: index)
        var next = index + 1
        switch self.kind(at: index) {
        case .object:
            var seen: Set<String> = []
            while next < end {
                let member = "\(path).\(self.key(at: next))"
                guard seen.insert(member).inserted else { return member }
                if let found = self.repeatedMember(of: next + 1, at: member) { return found }
                next = self.next(after: next + 1)
            }
        case .array:
            var position = 0
            while next < end {
                if let found = self.repeatedMember(of: next, at: "\(path)[\(position)]") { return found }
                next = self.next(after: next)
                position += 1
            }
        default: break
        }
        return nil
    }
}
