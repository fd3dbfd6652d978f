internal import Keys
public import SottoBase

/// The clear, authenticated beginning of a sealed body. Every segment is bound to all of it.
public struct SealedHeader: Equatable, Sendable {
    public var tenant: TenantName
    public var call: CallID
    public var started: WallTime
    public var object: SealedObjectName
    /// Audio only.
    public var codec: RecordedCodec?
    public var terms: RecordTerms

    public init(place: CallPlace, object: SealedObjectName, codec: RecordedCodec?, terms: RecordTerms) {
        tenant = place.tenant
        call = place.call
        started = place.started
        self.object = object
        self.codec = codec
        self.terms = terms
    }

    public var place: CallPlace { CallPlace(tenant: tenant, call: call, started: started) }

    /// Longest header that is read.
    static let limit = 4_096
    private static let title = "sotto-sealed v1"
    private static let names = [
        "tenant", "call", "started", "class", "object", "codec", "consent", "policy", "redaction", "retention",
    ]

    /// The one spelling: a title line, then every field in this order, `-` for none. Line feeds and other controls in a value become `?`.
    public func canonicalBytes() -> [UInt8] {
        func clean(_ text: String) -> String {
            let kept = String(decoding: text.utf8.prefix(512).map { (0x20...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
            return kept.isEmpty ? "-" : kept
        }
        let values = [
            tenant.text, call.description, String(started.milliseconds), object.kind.keyClass.rawValue, object.description,
            codec.map { "\(clean($0.name))/\($0.clockRate)" } ?? "-", clean(terms.consent), clean(terms.policyVersion),
            clean(terms.redactionVersion), clean(terms.retention),
        ]
        var text = Self.title + "\n"
        for (name, value) in zip(Self.names, values) { text += "\(name) \(value)\n" }
        return Array(text.utf8)
    }

    /// nil for anything that `canonicalBytes` could not have written.
    public init?(canonicalBytes bytes: [UInt8]) {
        guard bytes.count <= Self.limit, bytes.allSatisfy({ $0 == 0x0A || (0x20...0x7E).contains($0) }) else { return nil }
        var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        guard lines.popLast()?.isEmpty == true, lines.count == Self.names.count + 1, lines[0].elementsEqual(Self.title.utf8) else {
            return nil
        }
        var values: [String] = []
        for (line, name) in zip(lines.dropFirst(), Self.names) {
            guard line.starts(with: Array((name + " ").utf8)) else { return nil }
            values.append(String(decoding: line.dropFirst(name.utf8.count + 1), as: UTF8.self))
        }
        guard let tenant = TenantName(values[0]), let call = CallID(values[1]), let started = Int64(values[2]),
            let object = SealedObjectName(values[4]), object.kind.keyClass.rawValue == values[3]
        else { return nil }
        if values[5] != "-" {
            let parts = values[5].split(separator: "/")
            guard parts.count == 2, let rate = UInt32(parts[1]) else { return nil }
            codec = RecordedCodec(name: String(parts[0]), clockRate: rate)
        }
        self.tenant = tenant
        self.call = call
        self.started = WallTime(milliseconds: started)
        self.object = object
        terms = RecordTerms(policyVersion: values[7], redactionVersion: values[8], retention: values[9], consent: values[6])
        guard canonicalBytes() == bytes else { return nil }
    }
}
