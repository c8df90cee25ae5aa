// `chorewheel families signup`: a family, its owner and the job that makes its database, in one transaction.

import ArgumentParser
import JobModel
import Tenancy

struct FamiliesSignupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signup", abstract: "Sign a family up; a job then makes its database.",
        discussion: "  chorewheel families signup --slug smith-nyc --name 'The Smiths' --owner-email a@example.com")

    @Option(help: "2 to 50 of a-z, 0-9 and at most one '-' inside.")
    var slug: String

    @Option(help: "What people call the family, 1 to 100 characters.")
    var name: String

    @Option(name: .customLong("owner-email"), help: ArgumentHelp("The owner's address.", valueName: "address"))
    var ownerEmail: String

    @Option(name: .customLong("owner-first-name"), help: ArgumentHelp("Of a new account.", valueName: "name"))
    var ownerFirstName: String?

    @Option(name: .customLong("owner-last-name"), help: ArgumentHelp("Of a new account.", valueName: "name"))
    var ownerLastName: String?

    @Option(help: "free, premium or enterprise, or another one of the table plans.")
    var plan = SignUp.defaultPlan

    @Option(help: ArgumentHelp("The family's id, to send the same command again safely.", valueName: "uuid"))
    var id: FamilyID?

    @OptionGroup var common: CommonOptions

    func run() async throws {
        let signUp = SignUp(
            slug: try Slug(validating: self.slug), name: self.name, ownerEmail: self.ownerEmail,
            ownerFirstName: self.ownerFirstName, ownerLastName: self.ownerLastName, plan: self.plan, id: self.id)
        try await self.common.withStores { context in
            let receipt = SignUpReceipt(try await context.families.signUp(signUp), slug: signUp.slug)
            try context.output.show(
                receipt,
                asText: "signed up: \(receipt.family.slug), family \(receipt.family.id)\n"
                    + "its database is made by job \(receipt.job.id)\n")
        }
    }
}
