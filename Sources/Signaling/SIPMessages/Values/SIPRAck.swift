public import SottoBase

/// The RAck header of a PRACK: which reliable provisional response it acknowledges (RFC 3262 §7.2). All three parts must match.
public struct SIPRAck: Hashable, Sendable {
    /// The response's RSeq, 1 to 2^32 - 1.
    public var responseNumber: UInt32
    /// The response's CSeq.
    public var cseq: CSeq

    public init(responseNumber: UInt32, cseq: CSeq) {
        self.responseNumber = responseNumber
        self.cseq = cseq
    }

    /// `response-num LWS CSeq-num LWS Method`; nil when the value breaks the grammar.
    public init?(_ text: WireText) {
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        guard let number = Scan.decimal(bytes, &index, text.range.upperBound, limit: UInt64(UInt32.max)), number > 0 else { return nil }
        let space = index
        Scan.skipSpace(bytes, &index, text.range.upperBound)
        guard index > space, let cseq = CSeq.parse(storage, index..<text.range.upperBound) else { return nil }
        responseNumber = UInt32(number)
        self.cseq = cseq
    }

    public var header: SIPHeader { SIPHeader(.rack, WireText("\(responseNumber) \(cseq.number) \(cseq.method.text.string)")) }
}
