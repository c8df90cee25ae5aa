// Families: sign-up, show, list.

internal import Hummingbird
internal import JobModel
internal import Tenancy

struct FamiliesRoutes: Sendable {
    let families: FamilyStore
    let signUpsAllowed: Bool

    func add(to group: RouterGroup<APIContext>) {
        group.post("/families") { request, _ in try await self.signUp(request) }
        group.get("/families") { request, _ in try await self.list(request) }
        group.get("/families/{slug}") { _, context in try await self.show(try context.parameters.require("slug")) }
    }

    private func signUp(_ request: Request) async throws -> Response {
        guard self.signUpsAllowed else { throw Problem(.signUpsClosed, "New families are not taken at the moment.") }
        var fields = try await request.fields(upTo: RequestLimits.signUpBytesMax)
        let slug = fields.requiredString("slug").flatMap { text -> Slug? in
            do throws(TenancyError) {
                return try Slug(validating: text)
            } catch {
                fields.reject("slug", error.message)
                return nil
            }
        }
        let name = fields.requiredString("name")
        let email = fields.requiredString("owner_email")
        let firstName = fields.string("owner_first_name")
        let lastName = fields.string("owner_last_name")
        let plan = fields.string("plan")
        try fields.finish()
        guard let slug, let name, let email else { throw Problem(.invalidInput) }
        let made = try await self.families.signUp(
            SignUp(
                slug: slug, name: name, ownerEmail: email, ownerFirstName: firstName, ownerLastName: lastName,
                plan: plan ?? SignUp.defaultPlan, id: try request.idempotencyKey().map(SignUp.familyID)))
        let receipt = SignUpReceipt(made, slug: slug)
        return try .json(receipt, status: .accepted, location: receipt.job.href)
    }

    private func show(_ reference: String) async throws -> Response {
        let family: Family?
        if let id = FamilyID(reference) {
            family = try await self.families.family(id)
        } else {
            family = try await self.families.family(slug: try Slug(validating: reference))
        }
        guard let family else { throw Problem(.notFound, "There is no family \(reference).") }
        return try .json(family)
    }

    private func list(_ request: Request) async throws -> Response {
        var query = QueryFields(request)
        let statuses = FamilyStatus.allCases.map(\.rawValue).joined(separator: ", ")
        let status = query.value("status", "must be one of \(statuses)") { FamilyStatus(rawValue: $0) }
        let after = query.value("after", "must be a slug") { try? Slug(validating: $0) }
        let limit = query.int("limit", in: 1...FamilyStore.pageSizeMax) ?? 100
        try query.finish()
        let families = try await self.families.families(status: status, after: after?.rawValue, limit: limit)
        return try .json(FamilyPage(families: families, after: families.count == limit ? families.last?.slug : nil))
    }
}

/// A page of families.
private struct FamilyPage: Encodable {
    let families: [Family]
    /// The `after` of the next page; absent on the last.
    let after: String?
}
