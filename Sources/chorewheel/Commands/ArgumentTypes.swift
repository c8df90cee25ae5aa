// How the queue's own values are read from a command line.

public import ArgumentParser
public import JobModel
public import Tenancy

extension JobID: ExpressibleByArgument {}
extension FamilyID: ExpressibleByArgument {}
extension JobState: ExpressibleByArgument {}
extension FamilyStatus: ExpressibleByArgument {}

/// A priority in the words of the HTTP API.
enum PriorityWord: String, CaseIterable, Sendable, ExpressibleByArgument {
    case high, normal, low

    var priority: JobPriority {
        switch self {
        case .high: .high
        case .normal: .normal
        case .low: .low
        }
    }

    init(_ priority: JobPriority) {
        switch priority {
        case .high: self = .high
        case .normal: self = .normal
        case .low: self = .low
        }
    }
}
