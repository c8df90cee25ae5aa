// Families in the platform's database: sign-up by the SQL function that any language may call, and reading.

public import JobModel
internal import JobQueue
public import Postgres

/// Reads and writes `families`.
public struct FamilyStore: Sendable {
    public let platform: PostgresDatabase

    /// The most families of one page.
    public static let pageSizeMax = 1000

    public init(platform: PostgresDatabase) { self.platform = platform }

    /// Family, owner, membership, audit row and the job that makes the database, in one transaction.
    ///
    /// - Throws: `TenancyError`: `.invalid` or `.taken`, naming the field; `PostgresError` otherwise (if its
    ///   `outcomeUnknown` is true and the sign-up had an id, send it again).
    public func signUp(_ request: SignUp) async throws -> SignedUpFamily {
        try await self.platform.withConnection { try await Self.signUp(request, on: $0) }
    }

    /// The same on a connection, joining its transaction if one is open.
    public static func signUp(_ request: SignUp, on connection: PostgresConnection) async throws -> SignedUpFamily {
        do {
            let rows = try await connection.query(
                "SELECT family_id, job_id, user_id FROM sign_up_family($1, $2, $3, $4, $5, $6, $7)",
                [
                    .text(request.slug.rawValue), .text(request.name), .text(request.ownerEmail),
                    .text(request.ownerFirstName), .text(request.ownerLastName), .text(request.plan),
                    .text(request.id?.description),
                ])
            guard let row = rows.first else { throw TenancyError(.notFound, "sign_up_family returned no row") }
            return SignedUpFamily(
                family: FamilyID(try row.uuid("family_id")), provisionJob: JobID(try row.uuid("job_id")),
                owner: try row.uuid("user_id"))
        } catch let error as PostgresError {
            throw Self.refusal(error) ?? error
        }
    }

    /// The family of a slug; nil: there is none, or it was deleted.
    public func family(slug: Slug) async throws -> Family? {
        try await self.find(slug: slug.rawValue, limit: 1).first
    }

    /// The family of an id; nil: there is none, or it was deleted.
    public func family(_ id: FamilyID) async throws -> Family? {
        try await self.find(id: id, limit: 1).first
    }

    /// A page of families, ordered by slug.
    ///
    /// - Parameter after: The last slug of the page before.
    public func families(status: FamilyStatus? = nil, after: String? = nil, limit: Int = 100) async throws -> [Family] {
        guard (1...Self.pageSizeMax).contains(limit) else {
            throw TenancyError.invalid("limit", "must be 1 to \(Self.pageSizeMax)")
        }
        return try await self.find(status: status, after: after, limit: limit)
    }

    /// Every family, a page at a time, by slug.
    public func forEachPage(_ body: ([Family]) async throws -> Void) async throws {
        var last: String?
        while true {
            let page = try await self.families(after: last, limit: Self.pageSizeMax)
            if !page.isEmpty { try await body(page) }
            guard page.count == Self.pageSizeMax, let slug = page.last?.slug else { return }
            last = slug
        }
    }

    private func find(
        id: FamilyID? = nil, slug: String? = nil, status: FamilyStatus? = nil, after: String? = nil, limit: Int
    ) async throws -> [Family] {
        try await self.platform.query(
            EmbeddedText.findFamilies,
            [.text(id?.description), .text(slug), .text(status?.rawValue), .text(after), .int(limit)]
        ).map(Self.family)
    }

    private static func family(_ row: PostgresRow) throws -> Family {
        let status = try row.string("status")
        guard let status = FamilyStatus(rawValue: status) else {
            throw TenancyError(.notFound, "a family has the status \"\(status)\": a newer program's?")
        }
        return Family(
            id: FamilyID(try row.uuid("id")), slug: try row.string("slug"), name: try row.string("name"),
            status: status, plan: try row.string("plan"), databaseHost: try row.optionalString("db_host"),
            databasePort: try row.optionalInt("db_port"), databaseName: try row.optionalString("db_name"),
            databaseUser: try row.optionalString("db_user"), schemaVersion: try row.optionalInt("schema_version"),
            trialEndsAt: try row.optionalString("trial_ends_at"),
            subscriptionEndsAt: try row.optionalString("subscription_ends_at"),
            memberCount: try row.int("member_count"), storageUsedMB: try row.int("storage_used_mb"),
            lastActivityAt: try row.optionalString("last_activity_at"), createdAt: try row.string("created_at"),
            provisionedAt: try row.optionalString("provisioned_at"),
            provisionJob: try row.optionalString("provision_job_id").flatMap { JobID($0) },
            serverID: try row.optionalString("server_id").flatMap { UUIDBytes($0) })
    }

    /// The SQL function's own error codes.
    private static func refusal(_ error: PostgresError) -> TenancyError? {
        guard let state = error.sqlState, let field = error.hint else { return nil }
        let saysField = error.message.hasPrefix(field + " ")
        let rule = saysField ? String(error.message.dropFirst(field.count + 1)) : error.message
        switch state {
        case "CW002": return TenancyError(.invalid, field: field, rule, underlying: error)
        case "CW003": return TenancyError(.taken, field: field, rule, underlying: error)
        default: return nil
        }
    }
}

extension PostgresRow {
    /// A column of type uuid.
    func uuid(_ column: String) throws -> UUIDBytes {
        guard let value = UUIDBytes(try self.string(column)) else {
            throw PostgresError(.decoding, "column \"\(column)\" is not a UUID")
        }
        return value
    }
}
