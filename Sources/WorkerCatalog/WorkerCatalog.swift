// The one list of plugins that are linked into the executable. A new folder under `workers/` is added here and in
// Package.swift; a test compares both with the disk.

internal import ComputeStatsWorker
internal import DiagnosticsWorker
internal import MigrateSchemaWorker
internal import ProvisionFamilyWorker
internal import StripeWebhookWorker
public import Tenancy
public import WorkerKit

/// What this executable's workers can do.
public enum WorkerCatalog {
    /// The plugins of `workers/`.
    ///
    /// - Parameter diagnostics: Turns the `diagnostic.*` kinds on, which can crash a worker on request.
    public static func plugins(tenancy: Tenancy, diagnostics: Bool) -> [any WorkerPlugin] {
        let family: [any WorkerPlugin] = [
            ComputeStatsPlugin(),
            MigrateSchemaPlugin(tenancy: tenancy),
            ProvisionFamilyPlugin(tenancy: tenancy),
            StripeWebhookPlugin(),
        ]
        return diagnostics ? family + [DiagnosticsPlugin()] : family
    }
}
