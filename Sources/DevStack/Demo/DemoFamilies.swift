// Who signs up.

internal import JobModel

/// A family of the story.
struct DemoFamily: Sendable, Hashable {
    let slug: String
    let name: String
    let ownerEmail: String

    static let all: [DemoFamily] = [
        ("smith-nyc", "The Smiths"), ("garcia", "Familia García"), ("okafor-lagos", "The Okafors"),
        ("mueller", "Familie Müller"), ("tanaka-kyoto", "The Tanakas"), ("rossi", "Famiglia Rossi"),
        ("nguyen-hue", "The Nguyens"), ("dubois", "Famille Dubois"), ("haddad-amman", "The Haddads"),
        ("olsen", "Familien Olsen"),
    ].map { slug, name in DemoFamily(slug: slug, name: name, ownerEmail: "owner@\(slug).example") }
}

/// A family whose sign-up was accepted.
struct SignedUp: Sendable {
    let slug: String
    let id: FamilyID
    let provisionJob: JobID
    /// When the 202 was there.
    let acceptedAt: ContinuousClock.Instant
}
