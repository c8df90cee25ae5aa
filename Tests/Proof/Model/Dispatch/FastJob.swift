// A fast job as the model knows it, and the bytes that Redis has to hold for it (FastEntry.swift describes them; here
// they are written a second time, on purpose).

internal import JobModel

/// A fast job.
struct FastJob: Hashable, Sendable {
    let id: JobID
    let kind: JobKind
    let family: FamilyID?
    let priority: JobPriority
    let maxAttempts: Int
    let payload: [UInt8]
    var failures = 0
    var crashes = 0

    var isQuarantined: Bool { self.crashes >= JobLimits.crashesMax }

    /// What Redis holds.
    var bytes: [UInt8] {
        let family = self.family?.uuid.bytes ?? []
        let kind = Array(self.kind.rawValue.utf8)
        let counts = [UInt8(self.crashes), UInt8(self.failures)]
        let head: [UInt8] = [1] + counts + [UInt8(0x30 + self.priority.rawValue), UInt8(self.maxAttempts)]
        return head + [UInt8(family.count)] + family + self.id.uuid.bytes + [UInt8(kind.count)] + kind + [1]
            + self.payload
    }
}

/// Sorted sets order members of one score by their bytes.
func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool { left.lexicographicallyPrecedes(right) }
