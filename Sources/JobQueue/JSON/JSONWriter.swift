// The fast encoder's shell: one draft, shared by the encoders and containers of an encoding. It is a class because
// Codable hands them out by the dozen; every use of the draft is one short access, never around a call of
// `encode(to:)`.

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Writes a JSON text, or one after the other.
final class JSONWriter {
    /// Its accesses are unchecked, since a check takes as long as writing a number. What makes that right: no method of
    /// a draft calls anything that knows a writer.
    @exclusivity(unchecked) var draft = JSONDraft()

    /// The text of a value; nil when Foundation must write it, or say why it cannot be written.
    static func text(of value: some Encodable) -> [UInt8]? {
        let writer = JSONWriter()
        return writer.tryWrite(value) ? writer.draft.bytes : nil
    }

    /// Writes another text behind those that are there: the value's, as Foundation's if that must write it.
    ///
    /// - Returns: How many bytes it has. A failure is Foundation's, and nothing is appended then.
    func append(textOf value: some Encodable) -> Result<Int, any Error> {
        let start = self.draft.bytes.count
        self.draft.beginText()
        if !self.tryWrite(value) {
            self.draft.bytes.removeSubrange(start...)
            do {
                self.draft.bytes += try JSONText.foundationEncode(value)
            } catch {
                return .failure(error)
            }
        }
        return .success(self.draft.bytes.count - start)
    }

    private func tryWrite(_ value: some Encodable) -> Bool {
        (try? self.write(value)) != nil && !self.draft.needsFoundation
    }

    /// An encoder that writes nothing, with the value left to Foundation.
    func makeSuperEncoder() -> JSONValueWriter {
        _ = self.draft.unsupported()
        return JSONValueWriter(writer: self, slot: .none)
    }

    /// Writes a value where the buffer ends. Scalars are written here, since the standard library's own `encode(to:)`
    /// would ask for a container first; all else writes itself.
    @inline(__always)
    func write<Value: Encodable>(_ value: Value) throws {
        if let value = self.same(value, String.self) {
            self.draft.append(value)
        } else if let value = self.same(value, Int.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, Bool.self) {
            self.draft.append(value ? "true" as StaticString : "false")
        } else if let value = self.same(value, Double.self) {
            try self.draft.append(number: value)
        } else if let value = self.same(value, Float.self) {
            try self.draft.append(number: value)
        } else if let value = self.same(value, Int64.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, Int32.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, Int16.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, Int8.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, Int128.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, UInt.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, UInt64.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, UInt32.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, UInt16.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, UInt8.self) {
            self.draft.append(integer: value)
        } else if let value = self.same(value, UInt128.self) {
            self.draft.append(integer: value)
        } else {
            try self.writeComposite(value)
        }
    }

    /// What is no scalar.
    @inline(never)
    private func writeComposite<Value: Encodable>(_ value: Value) throws {
        if let date = self.same(value, Date.self) {
            self.draft.append(date.formatted(.iso8601))
        } else if Value.self == Data.self || Value.self == URL.self || Value.self == Decimal.self {
            // The types that Foundation's encoder knows itself.
            throw self.draft.unsupported()
        } else {
            try self.encode(value)
        }
    }

    /// The value, if `Value` is `Known`.
    @inline(__always)
    private func same<Value, Known>(_ value: Value, _ type: Known.Type) -> Known? {
        // A cast that asks the runtime would take as long as writing the value.
        Value.self == Known.self ? unsafeBitCast(value, to: Known.self) : nil
    }

    /// Lets a value write itself.
    private func encode(_ value: some Encodable) throws {
        let slot = self.draft.makeSlot()
        do {
            try value.encode(to: JSONValueWriter(writer: self, slot: slot))
        } catch {
            // Whoever catches this may go on, behind half a value.
            throw self.draft.unsupported()
        }
        try self.draft.end(slot)
    }
}
