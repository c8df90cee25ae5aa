// How the versions of the fleet are shown.

import Tenancy

extension FleetVersions {
    var text: String {
        var text =
            "families: latest version \(self.latest), \(self.behind) behind, "
            + "\(self.provisioning) without a database yet\n"
        for count in self.versions { text += "  version \(count.version): \(count.families)\n" }
        guard let problems else { return text }
        if problems.isEmpty { text += "  no drift\n" }
        for problem in problems { text += "  \(Printable.line("\(problem.slug): \(problem.problem)"))\n" }
        return text
    }
}
