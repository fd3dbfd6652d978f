/// Columns that stand below each other. Cells are made harmless for a terminal.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []
    private let indent: String

    /// - Parameter header: column titles; empty for none.
    init(_ header: [String] = [], indent: Int = 0) {
        self.header = header
        self.indent = String(repeating: " ", count: indent)
    }

    var isEmpty: Bool { rows.isEmpty }

    /// nil is shown as `-`.
    mutating func add(_ cells: String?...) { rows.append(cells.map { cell in cell.map { Terminal.harmless($0) } ?? "-" }) }

    /// Lines without a newline at the end.
    var text: String {
        let all = header.isEmpty ? rows : [header] + rows
        let columns = all.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in all.map { $0.count > column ? $0[column].count : 0 }.max() ?? 0 }
        return all.map { row in
            var line = indent
            for (column, cell) in row.enumerated() {
                line += cell
                // The last column stays ragged, so that no line ends in spaces.
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            return line
        }.joined(separator: "\n")
    }
}
