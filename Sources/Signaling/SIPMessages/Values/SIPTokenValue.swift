internal import SottoBase

/// `token *( SEMI generic-param )`: the shape of Event, Subscription-State, Content-Disposition, Session-Expires and their like.
struct SIPTokenValue {
    let token: WireText
    let parameters: SIPParameters

    /// Nil when the value breaks the grammar, or is longer than a header may be.
    init?(_ text: WireText) {
        guard text.count <= 8192 else { return nil }
        let storage = text.storage
        let bytes = storage.span
        let range = Scan.trimmed(bytes, text.range)
        var index = range.lowerBound
        let end = range.upperBound
        guard Scan.run(.token, bytes, &index, end) else { return nil }
        token = WireText(storage, range.lowerBound..<index)
        let start = index
        guard Scan.parameters(bytes, &index, end) else { return nil }
        Scan.skipSpace(bytes, &index, end)
        guard index == end else { return nil }
        parameters = SIPParameters(WireText(storage, start..<end))
    }
}

extension WireText {
    /// The whole text as a decimal number up to `limit`; nil for anything else.
    func decimal(limit: UInt64 = UInt64(UInt32.max)) -> UInt64? {
        let storage = storage
        var index = range.lowerBound
        guard let value = Scan.decimal(storage.span, &index, range.upperBound, limit: limit), index == range.upperBound else { return nil }
        return value
    }

    var isToken: Bool {
        let storage = storage
        var index = range.lowerBound
        return Scan.run(.token, storage.span, &index, range.upperBound) && index == range.upperBound
    }
}
