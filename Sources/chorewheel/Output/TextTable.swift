// A table for people: aligned columns, two spaces between them, nothing drawn. Pure.

struct TextTable: Sendable {
    enum Alignment: Sendable { case left, right }

    struct Column: Sendable, ExpressibleByStringLiteral {
        let title: String
        let alignment: Alignment

        init(_ title: String, _ alignment: Alignment = .left) {
            self.title = title
            self.alignment = alignment
        }

        init(stringLiteral title: String) { self.init(title) }

        /// A column of numbers.
        static func number(_ title: String) -> Column { Column(title, .right) }
    }

    let columns: [Column]
    private(set) var rows: [[String]] = []

    init(_ columns: Column...) { self.columns = columns }

    /// Adds a row. Missing cells are empty, control characters are replaced.
    mutating func append(_ cells: [String?]) {
        precondition(cells.count <= self.columns.count, "\(cells.count) cells in \(self.columns.count) columns")
        let missing = repeatElement(String?.none, count: self.columns.count - cells.count)
        self.rows.append((cells + missing).map { Printable.line($0 ?? "") })
    }

    /// The lines, each with its newline; no line ends with a space.
    var text: String {
        let all = [self.columns.map(\.title)] + self.rows
        let widths = self.columns.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? "" : "  "
                line += self.columns[column].alignment == .left ? cell + space : space + cell
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}

/// One thing's properties for people: a name and a value a line. Absent values are left out.
struct TextFields: Sendable {
    private var fields: [(name: String, value: String)] = []

    mutating func append(_ name: String, _ value: String?) {
        if let value { self.fields.append((name, Printable.line(value))) }
    }

    var text: String {
        let width = self.fields.map(\.name.count).max() ?? 0
        return self.fields.map { field in
            "\(field.name)\(String(repeating: " ", count: width - field.name.count))  \(field.value)\n"
        }.joined()
    }
}
