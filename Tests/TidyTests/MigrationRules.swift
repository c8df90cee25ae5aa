// Rules about the folders of migrations: numbered without gaps, each with its way back.

/// Rules over `migrations/<set>/`.
enum MigrationRules {
    /// - Parameter files: all files of one folder.
    static func numbering(_ files: [SourceFile]) -> [Finding] {
        var findings: [Finding] = []
        var up: [Int: String] = [:]
        var down: [Int: String] = [:]
        for file in files {
            guard let match = file.name.wholeMatch(of: /([0-9]{4})_([a-z]+(?:_[a-z0-9]+)+)\.(up|down)\.sql/),
                let number = Int(match.1)
            else {
                findings.append(Finding(file.path, "must be named NNNN_verb_noun.up.sql or .down.sql"))
                continue
            }
            let known =
                match.3 == "up"
                ? up.updateValue("\(match.2)", forKey: number)
                : down.updateValue("\(match.2)", forKey: number)
            if known != nil { findings.append(Finding(file.path, "its number is there twice")) }
        }
        let folder = files.first.map { $0.folders.joined(separator: "/") } ?? "migrations"
        for number in Set(up.keys).union(down.keys).sorted() where up[number] != down[number] {
            findings.append(Finding(folder, "\(number) must have an up and a down file of one name"))
        }
        for (index, number) in up.keys.sorted().enumerated() where number != index + 1 {
            findings.append(Finding(folder, "\(number) follows a gap: \(index + 1) is missing"))
            break
        }
        return findings
    }
}
