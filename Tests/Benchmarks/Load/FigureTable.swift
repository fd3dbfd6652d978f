import Foundation

/// One figure of the design's table, as measured, beside its reference of the same run.
struct Figure {
    enum Verdict: String {
        case goal = "goal met"
        case floor = "floor met"
        case missed = "MISSED"
        case unmeasured = "not measured"
    }

    let name: String
    let measured: String
    /// What it is compared with, measured in the same run.
    let reference: String
    let floor: String
    let goal: String
    let verdict: Verdict
    let values: [(name: String, value: Double)]

    /// A figure of which less is better.
    init(
        _ name: String, _ measured: Double, unit: String, reference: (name: String, value: Double)? = nil, floor: Double, goal: Double,
        values: [(String, Double)] = []
    ) {
        self.name = name
        self.measured = "\(Self.text(measured)) \(unit)"
        self.reference = reference.map { "\($0.name) \(Self.text($0.value)), ratio \(Self.text(measured / $0.value))" } ?? ""
        self.floor = "≤ \(Self.text(floor))"
        self.goal = "≤ \(Self.text(goal))"
        verdict = measured <= goal ? .goal : measured <= floor ? .floor : .missed
        self.values =
            [("measured", measured)] + (reference.map { [("reference", $0.value)] } ?? []) + [("floor", floor), ("goal", goal)] + values
    }

    /// A figure of which more is better.
    init(
        _ name: String, _ measured: Double, unit: String, atLeast floor: Double, goal: Double, note: String = "",
        values: [(String, Double)] = []
    ) {
        self.name = name
        self.measured = "\(Self.text(measured)) \(unit)"
        reference = note
        self.floor = "≥ \(Self.text(floor))"
        self.goal = "≥ \(Self.text(goal))"
        verdict = measured >= goal ? .goal : measured >= floor ? .floor : .missed
        self.values = [("measured", measured), ("floor", floor), ("goal", goal)] + values
    }

    /// A figure that this run leaves out, and why.
    init(unmeasured name: String, because reason: String) {
        self.name = name
        measured = "–"
        reference = reason
        (floor, goal) = ("", "")
        verdict = .unmeasured
        values = []
    }

    static func text(_ value: Double) -> String { String(format: abs(value) >= 100 ? "%.0f" : abs(value) >= 10 ? "%.1f" : "%.2f", value) }
}

/// Prints figures, and tells them as JSON.
struct FigureTable {
    private(set) var figures: [Figure] = []

    mutating func add(_ figure: Figure) {
        figures.append(figure)
        say("  \(figure.name): \(figure.measured) \(figure.reference)")
    }

    var text: String {
        let header = ["figure", "measured", "beside it", "floor", "goal", ""]
        let rows = [header] + figures.map { [$0.name, $0.measured, $0.reference, $0.floor, $0.goal, $0.verdict.rawValue] }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).map { $0.0.padding(toLength: $0.1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
                .trimmingTrailingSpaces
        }.joined(separator: "\n")
    }

    var json: String {
        let rows = figures.map { figure in
            let values = figure.values.map { "\"\($0.name)\": \($0.value.isFinite ? String(format: "%.4f", $0.value) : "null")" }
            return "{"
                + (["\"figure\": \"\(figure.name)\"", "\"verdict\": \"\(figure.verdict.rawValue)\""] + values).joined(separator: ", ") + "}"
        }
        return "[\n" + rows.joined(separator: ",\n") + "\n]\n"
    }
}

extension String {
    fileprivate var trimmingTrailingSpaces: String { String(reversed().drop { $0 == " " }.reversed()) }
}
