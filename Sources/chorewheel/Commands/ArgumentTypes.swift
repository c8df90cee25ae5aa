// How the queue's own values are read from a command line.

public import ArgumentParser
public import JobModel
public import Tenancy

extension JobID: ExpressibleByArgument {}
extension FamilyID: ExpressibleByArgument {}
extension JobState: ExpressibleByArgument {}
extension FamilyStatus: ExpressibleByArgument {}

/// Read in the words of the HTTP API.
extension JobPriority: ExpressibleByArgument {
    public init?(argument: String) { self.init(word: argument) }
    public var defaultValueDescription: String { self.word }
    public static var allValueStrings: [String] { Self.allCases.map(\.word) }
}
