import SIPMessages
import SottoBase

/// What makes two received requests the same transaction (RFC 3261 §17.2.3): branch, sent-by and method, where ACK counts as INVITE.
/// The peer belongs to it, so that nobody reaches into another peer's transactions.
struct ServerTransactionKey: Hashable, Sendable {
    private let peer: PeerID
    private let branch: WireText
    private let host: WireText
    private let port: UInt16?
    private let method: SIPMethod

    /// Nil when the request has no Via: it can be neither matched nor answered.
    init?(_ request: SIPRequest, peer: PeerID, as method: SIPMethod? = nil) {
        guard let via = request.topVia, via.isWellFormed else { return nil }
        self.peer = peer
        self.method = (method ?? (request.method == .ack ? .invite : request.method)).detached
        host = WireText(via.host.string.lowercased())
        port = via.port
        if via.hasTransactionID, let branch = via.branch {
            self.branch = branch.detached()
        } else {
            // RFC 2543 peers: §17.2.3 compares Request-URI, From tag, Call-ID, CSeq number and topmost Via. The To tag is left out: only
            // the ACK has ours, and the rest names one transaction.
            var bytes = Array("\(request.cseq.number)".utf8)
            for part in [request.requestURI.text, request.from.tag ?? "", request.callID.text, via.branch ?? ""] {
                bytes.append(0x0A)
                bytes += part.bytes
            }
            branch = WireText(bytes)
        }
    }

    /// The same transaction seen by a CANCEL: the INVITE's key (§9.2).
    static func invite(cancelledBy cancel: SIPRequest, peer: PeerID) -> ServerTransactionKey? {
        ServerTransactionKey(cancel, peer: peer, as: .invite)
    }
}

/// What makes two requests outside a dialog the same request on different paths (RFC 3261 §8.2.2.2): answered 482.
struct MergedRequestKey: Hashable, Sendable {
    private let peer: PeerID
    private let callID: SIPCallID
    private let fromTag: WireText
    private let cseq: UInt32
    private let method: SIPMethod

    init(_ request: SIPRequest, peer: PeerID) {
        self.peer = peer
        callID = request.callID.detached()
        fromTag = request.from.tag?.detached() ?? ""
        method = request.method.detached
        cseq = request.cseq.number
    }
}

/// Names of our own: branches, tags, Call-IDs. A branch must be unique, a tag must be hard to guess (RFC 3261 §19.3).
struct NameSource: Sendable {
    /// Random 64-bit values drawn ahead; a turn never uses more than `perTurn`.
    private var reserve: [UInt64] = []
    /// Random once per endpoint: branches of two runs never meet.
    private var instance: UInt64?
    private var counter: UInt64 = 0

    static let perTurn = 8

    /// Draws that need not be hard to guess: pauses, a spread of retries. As many as it takes.
    private var spread: UInt64 = 0

    mutating func refill(from entropy: inout some RandomNumberGenerator) {
        if instance == nil {
            instance = entropy.next()
            spread = entropy.next()
        }
        while reserve.count < Self.perTurn { reserve.append(entropy.next()) }
    }

    mutating func random() -> UInt64 {
        guard let value = reserve.popLast() else { preconditionFailure("a turn used more randomness than it may") }
        return value
    }

    /// `0..<bound`, from a generator of its own (SplitMix64).
    mutating func pause(below bound: UInt64) -> UInt64 {
        spread &+= 0x9E37_79B9_7F4A_7C15
        var z = spread
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return (z ^ (z >> 31)) % max(1, bound)
    }

    /// 128 bits.
    mutating func tag() -> WireText { WireText(Self.hexadecimal(random()) + Self.hexadecimal(random())) }

    mutating func branch() -> WireText {
        counter &+= 1
        return WireText("z9hG4bK" + Self.hexadecimal(instance ?? 0) + String(counter, radix: 16))
    }

    /// The tag of a stateless response: the same for every copy of a request (RFC 3261 §8.2.7), another for every run.
    func statelessTag(for request: SIPRequest) -> WireText {
        // FNV-1a, keyed. It has to be repeatable, not secret.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ (instance ?? 0)
        for byte in request.callID.text.bytes + (request.topVia?.branch?.bytes ?? []) + (request.from.tag?.bytes ?? []) {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        return WireText(Self.hexadecimal(hash))
    }

    static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
