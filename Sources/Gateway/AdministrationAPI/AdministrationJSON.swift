internal import FoundationEssentials

/// JSON as the admin API writes it: keys sorted, slashes plain, so that two equal reports are equal bytes.
public enum AdministrationJSON {
    /// Compact, on one line.
    public static func encode(_ value: some Encodable) -> [UInt8] { encode(value, [.sortedKeys, .withoutEscapingSlashes]) }

    /// For a person to read.
    public static func encodeForReading(_ value: some Encodable) -> [UInt8] {
        encode(value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])
    }

    /// nil for anything that is not `Value`.
    public static func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) -> Value? {
        try? JSONDecoder().decode(type, from: Data(bytes))
    }

    private static func encode(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = formatting
        // Reports hold strings, whole numbers and truth values, which JSON always has words for.
        guard let data = try? encoder.encode(value) else { preconditionFailure("a report that JSON cannot write") }
        return Array(data)
    }
}

extension AdministrationProblem.Kind {
    /// The status of the HTTP answer.
    public var httpStatus: Int {
        switch self {
        case .forbidden: 403
        case .notFound: 404
        case .badRequest: 400
        case .unavailable: 503
        case .failed: 500
        }
    }
}
