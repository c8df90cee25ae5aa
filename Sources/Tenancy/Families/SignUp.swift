// A sign-up as a value: what is asked for, what it made, and the answer that every door gives. The rules of the parts
// are `Slug`'s and the SQL function `sign_up_family`'s; the doors only read their own kind of input.

internal import Crypto
public import JobModel

/// What a sign-up asks for.
public struct SignUp: Sendable, Hashable {
    public var slug: Slug
    public var name: String
    public var ownerEmail: String
    public var ownerFirstName: String?
    public var ownerLastName: String?
    public var plan: String
    /// nil: minted. A caller that minted it may send the same sign-up again after a lost reply; another one with the
    /// same id is refused, in whatever part it differs.
    public var id: FamilyID?

    /// The plan of whoever names none.
    public static let defaultPlan = "free"

    public init(
        slug: Slug, name: String, ownerEmail: String, ownerFirstName: String? = nil, ownerLastName: String? = nil,
        plan: String = defaultPlan, id: FamilyID? = nil
    ) {
        self.slug = slug
        self.name = name
        self.ownerEmail = ownerEmail
        self.ownerFirstName = ownerFirstName
        self.ownerLastName = ownerLastName
        self.plan = plan
        self.id = id
    }

    /// The id of a sign-up with an idempotency key: the same key gives the same id, so the database itself finds the
    /// first sign-up again. A version 8 UUID (RFC 9562, section 5.8).
    public static func familyID(idempotencyKey: String) -> FamilyID {
        let digest = SHA256.hash(data: Array("chorewheel sign-up\u{0}\(idempotencyKey)".utf8))
        let (high, low) = digest.prefix(16).enumerated().reduce(into: (UInt64(0), UInt64(0))) { words, byte in
            if byte.offset < 8 {
                words.0 = words.0 << 8 | UInt64(byte.element)
            } else {
                words.1 = words.1 << 8 | UInt64(byte.element)
            }
        }
        return FamilyID(
            UUIDBytes(
                high: high & ~0xF000 | 0x8000,
                low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000))
    }
}

/// What a sign-up made, or, sent again, had made.
public struct SignedUpFamily: Sendable, Hashable, Codable {
    public let family: FamilyID
    public let provisionJob: JobID
    public let owner: UUIDBytes

    private enum CodingKeys: String, CodingKey {
        case family = "family_id"
        case provisionJob = "job_id"
        case owner = "user_id"
    }
}

/// The answer to a sign-up, over HTTP and on the command line. Sent again, a sign-up gets the first answer again: the
/// family's status is what it was then.
public struct SignUpReceipt: Sendable, Hashable, Codable {
    public struct Family: Sendable, Hashable, Codable {
        public let id: FamilyID
        public let slug: String
        public let status: FamilyStatus
    }

    public struct Job: Sendable, Hashable, Codable {
        public let id: JobID
        /// Where the API shows it.
        public let href: String
    }

    public let family: Family
    /// The job that makes the family's database.
    public let job: Job

    public init(_ made: SignedUpFamily, slug: Slug) {
        self.family = Family(id: made.family, slug: slug.rawValue, status: .provisioning)
        self.job = Job(id: made.provisionJob, href: "/v1/jobs/\(made.provisionJob)")
    }
}
