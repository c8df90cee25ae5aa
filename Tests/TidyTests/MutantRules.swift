// The rule about the bugs that `make mutants` plants: they keep up with the code that they are planted in.

/// Rules over *.mutant files; Tests/Proof/Mutants/run says how they are written.
enum MutantRules {
    /// What an edit takes away stands in its file, in one place; and the test that is to fail is there.
    static func stale(_ mutants: [SourceFile], _ files: [SourceFile]) -> [Finding] {
        mutants.flatMap { mutant in
            Self.misplaced(mutant, files) + Self.uncaught(mutant, files)
        }
    }

    private static func misplaced(_ mutant: SourceFile, _ files: [SourceFile]) -> [Finding] {
        let edits = mutant.text.matches(of: /file: (\S+)\n<<<<\n((?s:.*?))\n====\n((?s:.*?))>>>>/)
        guard !edits.isEmpty else { return [Finding(mutant.path, "has no edit")] }
        return edits.compactMap { edit in
            let old = String(edit.2)
            let text = files.first { $0.path == edit.1 }?.text ?? ""
            // Whole lines, when nothing takes their place; or a part of one.
            let wholeLines = edit.3.isEmpty ? text.ranges(of: old + "\n").count : 0
            guard wholeLines != 1, text.ranges(of: old).count != 1 else { return nil }
            return Finding(mutant.path, "does not apply to \(edit.1)")
        }
    }

    private static func uncaught(_ mutant: SourceFile, _ files: [SourceFile]) -> [Finding] {
        guard let filter = mutant.text.firstMatch(of: /caught by: (\w+)\\\.(\w+)\/(.*)/) else {
            return [Finding(mutant.path, "names no test")]
        }
        // A filter is a regular expression, `catches\(`; it may stop at the suite.
        let words = filter.3.replacing("\\(", with: "(").drop { $0 == "." }
        let isThere = files.contains { file in
            file.path.hasPrefix("Tests/\(filter.1)/") && file.text.contains(words)
        }
        return isThere ? [] : [Finding(mutant.path, "\(filter.1) has no test \"\(words)\"")]
    }
}
