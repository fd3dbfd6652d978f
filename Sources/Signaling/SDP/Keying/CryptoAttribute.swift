public import SottoBase

/// One usable `a=crypto` line (RFC 4568 §9.1): its key is decoded and in locked memory.
public struct CryptoAttribute: Hashable, Sendable {
    /// Master key identifier (§6.1).
    public struct MKI: Hashable, Sendable {
        public let value: UInt64
        /// Bytes that it takes in each packet, 1–128.
        public let length: UInt8

        public init(value: UInt64, length: UInt8) {
            self.value = value
            self.length = length
        }
    }

    /// 0–999,999,999.
    public var tag: UInt32
    public var suite: SRTPSuite
    /// Master key followed by master salt, `suite.keyingLength` bytes.
    public var key: SecretBytes
    /// Packets that the key may protect; nil: the suite's own limit.
    public var lifetime: UInt64?
    public var mki: MKI?
    /// As written, without those that void the line. Only `WSH` and optional ones (`-…`) can be here.
    public var sessionParameters: [WireText]

    public init(
        tag: UInt32, suite: SRTPSuite, key: SecretBytes, lifetime: UInt64? = nil, mki: MKI? = nil, sessionParameters: [WireText] = []
    ) {
        self.tag = tag
        self.suite = suite
        self.key = key
        self.lifetime = lifetime
        self.mki = mki
        self.sessionParameters = sessionParameters
    }
}

/// Why an `a=crypto` line counts as if it were not there (RFC 4568 §5.1.2: unknown suites and parameters are passed over).
public enum CryptoVoid: String, Hashable, Sendable, CaseIterable {
    case grammar, unknownSuite, keyLength, keyEncoding, severalKeys, lifetime, mki
    /// UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP, UNAUTHENTICATED_SRTP.
    case unprotected
    /// Another session parameter that we do not know and that must be understood.
    case sessionParameter
}

extension CryptoAttribute {
    /// Reads what follows `a=crypto:`, whose keys were taken out before: `secretAt` gives the secret that stood at an offset.
    static func parse(_ text: WireText, secretAt: (Int) -> SecretBytes?) -> Result<CryptoAttribute, CryptoVoidError> {
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        let end = text.range.upperBound

        guard let tag = Decimal.read(bytes, &index, end, limit: 999_999_999), skipSpace(bytes, &index, end) else { return .void(.grammar) }
        let suiteText = word(storage, bytes, &index, end)
        guard let suite = SRTPSuite(suiteText) else { return .void(.unknownSuite) }
        guard skipSpace(bytes, &index, end) else { return .void(.grammar) }

        let inline: StaticString = "inline:"
        guard end - index >= 7 else { return .void(.grammar) }
        for offset in 0..<7 where bytes[index + offset] | 0x20 != inline.utf8Start[offset] | 0x20 { return .void(.grammar) }
        index += 7
        guard let encoded = secretAt(index) else { return .void(.keyLength) }
        guard let key = encoded.base64Decoded() else { return .void(.keyEncoding) }
        guard key.count == suite.keyingLength else { return .void(.keyLength) }
        var attribute = CryptoAttribute(tag: UInt32(tag), suite: suite, key: key)

        while index < end, bytes[index] == 0x7C {  // "|" lifetime, "|" mki
            index += 1
            let start = index
            while index < end, bytes[index] != 0x7C, bytes[index] != 0x3B, bytes[index] != 0x20 { index += 1 }
            if let void = attribute.readKeyInfo(WireText(storage, start..<index)) { return .void(void) }
        }
        if index < end, bytes[index] == 0x3B { return .void(.severalKeys) }
        while index < end {
            guard skipSpace(bytes, &index, end) else { return .void(.grammar) }
            if index == end { break }
            if let void = attribute.addSessionParameter(word(storage, bytes, &index, end)) { return .void(void) }
        }
        return .success(attribute)
    }

    private mutating func readKeyInfo(_ text: WireText) -> CryptoVoid? {
        let storage = text.storage
        let bytes = storage.span
        var index = text.range.lowerBound
        let end = text.range.upperBound
        guard let number = Decimal.read(bytes, &index, end, limit: .max) else { return text.isEmpty ? .grammar : .lifetime }
        if index < end, bytes[index] == 0x3A {
            index += 1
            guard mki == nil, let length = Decimal.read(bytes, &index, end, limit: 128), length > 0, index == end else { return .mki }
            mki = MKI(value: number, length: UInt8(length))
            return nil
        }
        guard lifetime == nil, mki == nil else { return .lifetime }
        if index < end, bytes[index] == 0x5E {
            index += 1
            guard number == 2, let exponent = Decimal.read(bytes, &index, end, limit: 48), index == end else { return .lifetime }
            lifetime = 1 << exponent
        } else {
            guard index == end, number > 0, number <= 1 << 48 else { return .lifetime }
            lifetime = number
        }
        return nil
    }

    /// §6.3. KDR other than 0, FEC_ORDER and FEC_KEY would change what we do on the wire, and we do not do it.
    private mutating func addSessionParameter(_ text: WireText) -> CryptoVoid? {
        let name = text.slice(0..<(text.bytes.firstIndex(of: 0x3D) ?? text.bytes.endIndex) - text.bytes.startIndex)
        for unprotected: StaticString in ["UNENCRYPTED_SRTP", "UNENCRYPTED_SRTCP", "UNAUTHENTICATED_SRTP"]
        where name.equalsIgnoringCase(unprotected) {
            return .unprotected
        }
        guard sessionParameters.count < 16 else { return .grammar }
        if name.byte(at: 0) == 0x2D || name.equalsIgnoringCase("WSH") || text.equalsIgnoringCase("KDR=0") {
            sessionParameters.append(text)
            return nil
        }
        return .sessionParameter
    }

    private static func skipSpace(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
        let start = index
        while index < end, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
        return index > start
    }

    private static func word(_ storage: [UInt8], _ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> WireText {
        let start = index
        while index < end, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
        return WireText(storage, start..<index)
    }

    /// What stands before the key in the line, after it, and the key: base64 in locked memory.
    func write(to output: inout ChunkWriter) {
        output.append("a=crypto:\(tag) \(suite.name) inline:")
        output.append(key.base64Encoded())
        if let lifetime {
            output.append(lifetime.nonzeroBitCount == 1 ? "|2^\(lifetime.trailingZeroBitCount)" : "|\(lifetime)")
        }
        if let mki { output.append("|\(mki.value):\(mki.length)") }
        for parameter in sessionParameters {
            output.append(" ")
            output.append(parameter)
        }
        output.append("\r\n")
    }
}

struct CryptoVoidError: Error {
    let reason: CryptoVoid
}

extension Result where Success == CryptoAttribute, Failure == CryptoVoidError {
    fileprivate static func void(_ reason: CryptoVoid) -> Self { .failure(CryptoVoidError(reason: reason)) }
}
