/// Record and handshake headers of DTLS 1.2 (RFC 6347 §4.1, §4.2.2): enough to split what we send, and to keep from the library what
/// nobody proved to have sent.
enum DTLSRecords {
    static let headerSize = 13
    private static let handshakeHeaderSize = 12
    /// RFC 6347 §4.1.1: 2^14 plus the cipher's expansion.
    private static let maximumLength = 16_384 + 2_048
    /// No message of these handshakes is larger; the library would keep room for it.
    private static let maximumMessage = 32 * 1_024

    /// What a datagram is to us.
    enum Verdict: Equatable {
        /// Garbage, or something that must not decide anything because it is not authenticated.
        case ignored
        /// The start of a ClientHello with this random (RFC 5246 §7.4.1.2).
        case clientHello(random: [UInt8])
        case handshake
        /// Something of a later epoch: the library authenticates it.
        case protected
    }

    /// Length of the record at the start of `bytes`, header included; nil when there is no whole one.
    static func recordLength(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= headerSize else { return nil }
        let length = headerSize + (Int(bytes[11]) << 8 | Int(bytes[12]))
        return length <= bytes.count ? length : nil
    }

    /// Looks at every record. One that is malformed spoils its datagram, as it is not from a peer that speaks DTLS.
    ///
    /// An alert of epoch 0 is ignored: anybody can send one (RFC 6347 §4.1.2.7), and a peer that gave up is found by the deadline.
    static func judge(_ datagram: UnsafeRawBufferPointer, as role: DTLSRole) -> Verdict {
        var rest = datagram
        var verdict = Verdict.ignored
        while !rest.isEmpty {
            guard let length = recordLength(rest), rest[1] == 0xFE, rest[2] == 0xFF || rest[2] == 0xFD,
                length - headerSize <= maximumLength, length > headerSize
            else { return .ignored }
            let record = UnsafeRawBufferPointer(rebasing: rest[..<length])
            rest = UnsafeRawBufferPointer(rebasing: rest[length...])
            let epoch = UInt16(record[3]) << 8 | UInt16(record[4])
            switch (record[0], epoch) {
            case (20...23, 1...): if verdict == .ignored { verdict = .protected }
            case (20, 0): if verdict == .ignored { verdict = .handshake }  // ChangeCipherSpec
            case (22, 0):
                guard let found = handshake(UnsafeRawBufferPointer(rebasing: record[headerSize...]), role) else { return .ignored }
                if verdict == .ignored || verdict == .protected { verdict = found }
            default: return .ignored
            }
        }
        return verdict
    }

    /// The messages of one record of epoch 0; nil when one of them cannot be.
    private static func handshake(_ body: UnsafeRawBufferPointer, _ role: DTLSRole) -> Verdict? {
        var rest = body
        var verdict: Verdict?
        while !rest.isEmpty {
            guard rest.count >= handshakeHeaderSize else { return nil }
            let whole = number(rest, 1, 3)
            let offset = number(rest, 6, 3)
            let length = number(rest, 9, 3)
            guard whole <= maximumMessage, offset + length <= whole, handshakeHeaderSize + length <= rest.count,
                isExpected(rest[0], role)
            else { return nil }
            if verdict == nil {
                verdict = .handshake
                if rest[0] == 1, offset == 0 {
                    guard length >= 34 else { return nil }
                    verdict = .clientHello(random: Array(rest[(handshakeHeaderSize + 2)..<(handshakeHeaderSize + 34)]))
                }
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[(handshakeHeaderSize + length)...])
        }
        return verdict
    }

    /// Messages that a peer of ours may send in clear. HelloRequest and the rest of the registry are none of them.
    private static func isExpected(_ type: UInt8, _ role: DTLSRole) -> Bool {
        switch role {
        case .server: type == 1 || type == 11 || type == 15 || type == 16
        case .client: (2...4).contains(type) || (11...14).contains(type) || type == 22
        }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int {
        bytes[start..<(start + count)].reduce(0) { $0 << 8 | Int($1) }
    }
}
