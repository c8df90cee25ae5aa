// Slugs: the rules of the seed, and the names that come of them.

import JobModel
import Tenancy
import Testing

@Suite struct SlugTests {
    @Test(arguments: ["ab", "smith", "smith-nyc", "a1", "42", String(repeating: "a", count: 50)])
    func `a slug of the rules is accepted`(text: String) throws {
        #expect(try Slug(validating: text).rawValue == text)
    }

    @Test(arguments: [
        ("", "2 to 50"), ("a", "2 to 50"), (String(repeating: "a", count: 51), "2 to 50"),
        ("-a", "begin and end"), ("a-", "begin and end"), ("Smith", "a-z"), ("smith_nyc", "a-z"), ("smïth", "a-z"),
        ("a b", "a-z"), ("ab\n", "a-z"), ("a\"b", "a-z"), ("a-b-c", "at most one"), ("a--b", "at most one"),
        ("api", "reserved"), ("docs", "reserved"),
    ])
    func `a slug that breaks a rule is refused in words that name the rule`(text: String, rule: String) {
        let error = #expect(throws: TenancyError.self) { try Slug(validating: text) }
        #expect(error?.code == .invalid)
        #expect(error?.field == "slug")
        #expect(error?.message.contains(rule) == true)
    }

    @Test func `a database's name is the slug with the hyphen replaced, and fits`() throws {
        let names = try FamilyDatabaseName(slug: Slug(validating: "smith-nyc"))
        #expect(names.database == "family_smith_nyc")
        #expect(names.role == "family_smith_nyc_app")
        let longest = try FamilyDatabaseName(slug: Slug(validating: String(repeating: "z", count: 50)))
        #expect(longest.role.utf8.count <= FamilyDatabaseName.bytesMax)
    }
}

@Suite struct ServerPlacementTests {
    private func server(_ number: UInt64, _ databases: Int, of most: Int) -> ServerLoad {
        ServerLoad(
            server: .init(high: 0, low: number), name: "s\(number)", databases: databases, databasesMax: most,
            alertPercent: 80)
    }

    @Test func `the server with the smallest share of its places taken is chosen`() throws {
        let chosen = try ServerPlacement.choose(
            among: [self.server(1, 90, of: 150), self.server(2, 100, of: 300), self.server(3, 149, of: 150)])
        #expect(chosen.name == "s2")
    }

    @Test func `of equally full servers the first by id is chosen`() throws {
        #expect(try ServerPlacement.choose(among: [self.server(2, 1, of: 10), self.server(1, 1, of: 10)]).name == "s1")
    }

    @Test func `full servers are not chosen, and a full fleet is a clear error`() throws {
        #expect(try ServerPlacement.choose(among: [self.server(1, 1, of: 1), self.server(2, 9, of: 10)]).name == "s2")
        let error = #expect(throws: TenancyError.self) {
            try ServerPlacement.choose(among: [self.server(1, 150, of: 150), self.server(2, 3, of: 0)])
        }
        #expect(error?.code == .fleetFull)
        #expect(error?.message.contains("153 of 150") == true)
        #expect(throws: TenancyError.self) { try ServerPlacement.choose(among: []) }
    }

    @Test func `a server is nearly full from its alert percentage on`() {
        #expect(!self.server(1, 119, of: 150).isNearlyFull)
        #expect(self.server(1, 120, of: 150).isNearlyFull)
    }
}
