// A worker's settings by name.

internal import JobModel

extension WorkerConfiguration {
    /// Reads `chorewheel.queues`, `.concurrency`, `.lease.seconds`, `.grace.seconds`, `.worker`,
    /// `.quarantine` over the defaults.
    ///
    /// - Throws: `InvalidSetting` naming the setting and the rule.
    public init(settings: Settings, version: String) throws(InvalidSetting) {
        self.init(version: version)
        for name in settings.strings("chorewheel.queues") {
            do {
                self.queues.append(try QueueName(validating: name))
            } catch {
                throw InvalidSetting(field: "chorewheel.queues", rule: "\(error)")
            }
        }
        if let concurrency = try settings.int("chorewheel.concurrency", in: 1...10_000) {
            self.concurrency = concurrency
        }
        if let lease = try settings.int("chorewheel.lease.seconds", in: 3...600) {
            self.lease = .seconds(lease)
            self.beat = Self.beat(within: self.lease)
        }
        if let grace = try settings.int("chorewheel.grace.seconds", in: 0...86_400) { self.grace = .seconds(grace) }
        if let text = settings.string("chorewheel.worker") {
            guard let id = WorkerID(text) else {
                throw InvalidSetting(field: "chorewheel.worker", rule: "must be a UUID, is \"\(text)\"")
            }
            self.worker = id
        }
        if let word = settings.string("chorewheel.quarantine") {
            guard let role = QuarantineRole(rawValue: word) else {
                throw InvalidSetting(
                    field: "chorewheel.quarantine", rule: "must be alone, leave or only, is \"\(word)\"")
            }
            self.quarantine = role
            if role == .only { self.concurrency = 1 }
        }
        try self.validate()
    }
}
