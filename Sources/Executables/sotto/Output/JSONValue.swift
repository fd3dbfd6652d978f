/// Any JSON, to show a sealed document whose shape is the daemon's affair.
indirect enum JSONValue: Decodable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case integer(Int64)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// `consent.answer = yes` as pairs, in the order of the names. Depth and number of rows are bounded by the decoder's and the caller's.
    func rows(_ name: String = "") -> [(name: String, value: String)] {
        switch self {
        case .null: [(name, "-")]
        case .bool(let value): [(name, value ? "yes" : "no")]
        case .integer(let value): [(name, String(value))]
        case .number(let value): [(name, String(value))]
        case .string(let value): [(name, value)]
        case .array(let values):
            values.isEmpty ? [(name, "none")] : values.enumerated().flatMap { $1.rows("\(name)[\($0)]") }
        case .object(let fields):
            fields.sorted { $0.key < $1.key }.flatMap { field in field.value.rows(name.isEmpty ? field.key : "\(name).\(field.key)") }
        }
    }
}
