// Families: their schemas' versions, and whether their passwords open with the keys of the settings.

internal import JobModel
internal import Tenancy
internal import WorkerKit
internal import WorkerRuntime

/// How many passwords are tried; each opens by itself, so a sample shows a missing key.
private let passwordsMax = 200

extension Examination {
    func checkFamilies() async throws -> [Finding] {
        let tenancy = try self.tenancy()
        var versions = FleetVersions(latest: tenancy.migrations.latestVersion)
        var withDatabase: [Family] = []
        try await self.families.forEachPage { page in
            for family in page { versions.append(family) }
            withDatabase += page.filter { $0.databaseName != nil && $0.status != .provisioning }
                .prefix(passwordsMax - withDatabase.count)
        }
        var findings = [fleetFinding(versions)]
        if self.settings.string("chorewheel.secret.keys") != nil {
            findings += await self.passwordFindings(tenancy, withDatabase)
        }
        return findings
    }
}

/// Pure.
func fleetFinding(_ versions: FleetVersions) -> Finding {
    let total = versions.versions.reduce(0) { $0 + $1.families }
    let counts = "\(total) with a database, \(versions.provisioning) without one yet"
    guard versions.behind == 0 else {
        return .warn(
            "families", "\(counts); \(versions.behind) are older than version \(versions.latest)",
            remedy: "chorewheel migrate families --wait")
    }
    return .ok("families", total == 0 ? counts : "\(counts); all at version \(versions.latest) or newer")
}

extension Examination {
    private func passwordFindings(_ tenancy: Tenancy, _ families: [Family]) async -> [Finding] {
        var failures: [String] = []
        var opened = 0
        for family in families {
            do {
                _ = try await tenancy.databases.database(of: family.id, minimumSchemaVersion: 0)
                opened += 1
            } catch is JobFailure {
                // Gone, or not ready, since the list was read: there is no password to open.
            } catch {
                failures.append("\(family.slug): \(self.explain(error).text)")
            }
        }
        if let first = failures.first {
            return [
                .fail(
                    "families", "\(failures.count) passwords do not open (\(first))",
                    remedy: "put the key they were sealed with into CHOREWHEEL_SECRET_KEYS, after the first",
                    cause: .configuration)
            ]
        }
        return opened == 0 ? [] : [.ok("families", "\(opened) passwords open with the keys here")]
    }
}
