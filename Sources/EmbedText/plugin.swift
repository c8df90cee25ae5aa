// Compiles the .sql, .lua and .json files of a target into its `EmbeddedText` (see embed-text/main.swift).

import Foundation
import PackagePlugin

@main
struct EmbedText: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) async throws -> [Command] {
        let texts = files(in: target.directoryURL)
        guard !texts.isEmpty else { return [] }
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedText.swift")
        return [
            .buildCommand(
                displayName: "Embedding the texts of \(target.name)",
                executable: try context.tool(named: "embed-text").url,
                arguments: [output.path()] + texts.map { $0.path() },
                inputFiles: texts,
                outputFiles: [output]
            )
        ]
    }

    private func files(in directory: URL) -> [URL] {
        let endings: Set<String> = ["sql", "lua", "json"]
        let all = FileManager.default.enumerator(at: directory, includingPropertiesForKeys: nil)
        return (all?.compactMap { $0 as? URL } ?? [])
            .filter { endings.contains($0.pathExtension) }
            .sorted { $0.path() < $1.path() }
    }
}
