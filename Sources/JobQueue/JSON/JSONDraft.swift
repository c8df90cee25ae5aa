// A JSON text in the making, as a value: what is open, what is missing, and the discipline of who may write. No
// encoder, no sharing: `JSONWriter` is the shell.
//
// Codable tells when a container begins, but not when it ends: a container ends when something is written to one
// further out, or when the `encode(to:)` that began it returns. So the open containers are a stack, and every write
// names its container. Invariants:
// 1. The bytes are a JSON text up to the closing brackets of the open containers, innermost last.
// 2. A slot, the place for one value, is filled at most once; while one is empty, nothing else is written.
// 3. A container that has ended is not written to again: its handle no longer names an open one.
// Whatever would break them leaves the value to Foundation: `needsFoundation` is set, and stays set for this text.

/// The text written so far.
struct JSONDraft {
    /// An open object or array.
    private struct Container {
        /// The slot that it fills: its name, since no slot is filled twice.
        let slot: Int
        let isObject: Bool
        /// The first of its members in `members`.
        let firstMember: Int
        var count = 0
        var isSorted = true
        var hasUnicodeKeys = false
    }

    /// A member of an open object: positions of its key's quote, of the quote after the key, and after its value.
    private struct Member {
        let start: Int
        let keyEnd: Int
        var end = 0
    }

    /// Names a slot, and the container that fills it: its number, and how many containers are around it.
    struct Handle {
        let depth: Int
        let slot: Int

        /// Names nothing that was ever there.
        static let none = Handle(depth: .max, slot: 0)
    }

    /// Written in this file and in `JSONDraft+Values.swift` alone.
    var bytes: [UInt8] = []
    private(set) var needsFoundation = false
    private var containers: [Container] = []
    /// The members of all open objects, the innermost one's last.
    private var members: [Member] = []
    private var slots = 0
    private var emptySlot: Int?
    /// Members in order, on their way back into `bytes`.
    private var sorted: [UInt8] = []

    init() {
        // What most payloads and results need.
        self.bytes.reserveCapacity(240)
        self.containers.reserveCapacity(6)
        self.members.reserveCapacity(12)
    }

    /// Begins another text, where the buffer ends. Slots keep their names: who kept a handle of the text before finds
    /// that it names nothing.
    mutating func beginText() {
        self.needsFoundation = false
        self.containers.removeAll(keepingCapacity: true)
        self.members.removeAll(keepingCapacity: true)
        self.emptySlot = nil
    }

    /// Leaves the value to Foundation.
    mutating func unsupported() -> JSONUnsupported {
        self.needsFoundation = true
        return JSONUnsupported()
    }

    // MARK: Slots

    /// An empty slot where the buffer ends.
    mutating func makeSlot() -> Handle {
        self.slots += 1
        self.emptySlot = self.slots
        return Handle(depth: self.containers.count, slot: self.slots)
    }

    /// What follows is the slot's value.
    mutating func fill(_ slot: Handle) throws(JSONUnsupported) {
        guard self.emptySlot == slot.slot else { throw self.unsupported() }
        self.emptySlot = nil
    }

    /// The value in a slot is complete, and whatever it opened ends.
    mutating func end(_ slot: Handle) throws(JSONUnsupported) {
        guard self.emptySlot == nil else { throw self.unsupported() }
        try self.close(downTo: slot.depth)
    }

    // MARK: Containers

    /// Opens a container in a slot, or finds the one that is open there. Its handle is the slot's.
    mutating func open(_ slot: Handle, isObject: Bool) {
        if slot.depth < self.containers.count, self.containers[slot.depth].slot == slot.slot {
            if self.containers[slot.depth].isObject != isObject { self.needsFoundation = true }
            return
        }
        guard self.emptySlot == slot.slot, self.containers.count == slot.depth, slot.depth < JSONUnsupported.depthMax
        else {
            self.needsFoundation = true
            return
        }
        self.emptySlot = nil
        self.containers.append(
            Container(slot: slot.slot, isObject: isObject, firstMember: self.members.count))
        self.bytes.append(isObject ? UInt8(ascii: "{") : UInt8(ascii: "["))
    }

    mutating func count(of handle: Handle) -> Int {
        guard self.isOpen(handle) else {
            self.needsFoundation = true
            return 0
        }
        return self.containers[handle.depth].count
    }

    /// What follows is an array's next element.
    mutating func beginElement(of handle: Handle) throws(JSONUnsupported) {
        try self.beginValue(in: handle, isObject: false)
    }

    /// Writes a key; what follows is its value.
    mutating func beginMember(_ key: String, of handle: Handle) throws(JSONUnsupported) {
        try self.beginValue(in: handle, isObject: true)
        let start = self.bytes.count
        let traits = self.append(key)
        // Escaped keys are not in the order of their texts.
        guard !traits.hasEscapes else { throw self.unsupported() }
        let member = Member(start: start, keyEnd: self.bytes.count - 1)
        if !traits.isASCII { self.containers[handle.depth].hasUnicodeKeys = true }
        if self.members.count > self.containers[handle.depth].firstMember, let last = self.members.last,
            !Self.precedes(last, member, in: self.bytes)
        {
            self.containers[handle.depth].isSorted = false
        }
        self.members.append(member)
        self.bytes.append(UInt8(ascii: ":"))
    }

    private func isOpen(_ handle: Handle) -> Bool {
        handle.depth < self.containers.count && self.containers[handle.depth].slot == handle.slot
    }

    private mutating func beginValue(in handle: Handle, isObject: Bool) throws(JSONUnsupported) {
        guard self.emptySlot == nil, self.isOpen(handle) else { throw self.unsupported() }
        try self.close(downTo: handle.depth + 1)
        guard self.containers[handle.depth].isObject == isObject else { throw self.unsupported() }
        if self.containers[handle.depth].count > 0 {
            if isObject { self.members[self.members.count - 1].end = self.bytes.count }
            self.bytes.append(UInt8(ascii: ","))
        }
        self.containers[handle.depth].count += 1
    }

    private mutating func close(downTo depth: Int) throws(JSONUnsupported) {
        while self.containers.count > depth, let container = self.containers.popLast() {
            guard self.emptySlot == nil else { throw self.unsupported() }
            if container.isObject {
                if container.count > 0 { try self.finishMembers(of: container) }
                self.bytes.append(UInt8(ascii: "}"))
            } else {
                self.bytes.append(UInt8(ascii: "]"))
            }
        }
    }

    // MARK: Order

    /// Puts an object's members into the order of their keys.
    private mutating func finishMembers(of container: Container) throws(JSONUnsupported) {
        let range = container.firstMember..<self.members.count
        self.members[range.upperBound - 1].end = self.bytes.count
        if container.hasUnicodeKeys, range.count > 1 { try self.checkUnicodeKeys(range) }
        if !container.isSorted { try self.sortMembers(range) }
        self.members.removeLast(range.count)
    }

    private mutating func sortMembers(_ range: Range<Int>) throws(JSONUnsupported) {
        let start = self.members[range.lowerBound].start
        Self.sort(&self.members, range, by: self.bytes)
        self.sorted.removeAll(keepingCapacity: true)
        for index in range {
            let member = self.members[index]
            // Of equal keys, Foundation keeps the last value.
            guard index == range.lowerBound || Self.precedes(self.members[index - 1], member, in: self.bytes)
            else { throw self.unsupported() }
            if index > range.lowerBound { self.sorted.append(UInt8(ascii: ",")) }
            self.bytes.withUnsafeBufferPointer {
                self.sorted.append(contentsOf: UnsafeBufferPointer(rebasing: $0[member.start..<member.end]))
            }
        }
        self.bytes.withUnsafeMutableBufferPointer {
            _ = UnsafeMutableBufferPointer(rebasing: $0[start...]).update(fromContentsOf: self.sorted)
        }
    }

    private static func sort(_ members: inout [Member], _ range: Range<Int>, by bytes: [UInt8]) {
        members.withUnsafeMutableBufferPointer { members in
            var members = UnsafeMutableBufferPointer(rebasing: members[range])
            members.sort { Self.precedes($0, $1, in: bytes) }
        }
    }

    private static func precedes(_ left: Member, _ right: Member, in bytes: [UInt8]) -> Bool {
        var (a, b) = (left.start + 1, right.start + 1)
        while a < left.keyEnd, b < right.keyEnd {
            if bytes[a] != bytes[b] { return bytes[a] < bytes[b] }
            (a, b) = (a + 1, b + 1)
        }
        return a == left.keyEnd && b < right.keyEnd
    }

    /// Outside ASCII, keys of different bytes may be equal strings.
    private mutating func checkUnicodeKeys(_ range: Range<Int>) throws(JSONUnsupported) {
        let keys = self.members[range].map {
            String(decoding: self.bytes[($0.start + 1)..<$0.keyEnd], as: UTF8.self)
        }
        guard Set(keys).count == keys.count else { throw self.unsupported() }
    }
}
