internal import SottoBase

/// Where to send: the signaled address, until authenticated packets prove that the peer lives elsewhere (NAT, a moved gateway).
///
/// Verify, then learn: only packets that SRTP authenticated get here, and only fresh ones count, so that a raced copy of a genuine packet
/// cannot steal a stream. Moving back needs the same proof as moving away, and moves are rate-limited.
struct SourceLearner {
    /// Fresh packets in a row from one other address before we follow.
    static let packetsToMove = 5
    static let pauseBetweenMoves = Duration.seconds(2)
    /// After a re-INVITE moved the media, packets still in flight from the old address must not pull the stream back.
    static let oldSourceIgnored = Duration.seconds(3)

    /// nil while the peer has no address.
    private(set) var destination: SocketAddress?
    private var candidate = SocketAddress()
    private var candidateCount = 0
    private var lastMove: Instant?
    private var ignored: (address: SocketAddress, until: Instant)?

    init(signaled: SocketAddress?) { destination = signaled }

    /// Offer or answer named an address. What was learnt stays when the signaled address did not change.
    mutating func addressSignaled(_ address: SocketAddress?, previouslySignaled: SocketAddress?, now: Instant) {
        guard address != previouslySignaled || destination == nil else { return }
        if let old = destination, address != nil, old != address { ignored = (old, now + Self.oldSourceIgnored) }
        destination = address
        candidateCount = 0
    }

    /// An authentic packet arrived. True when the destination moved to `source`.
    /// - Parameter isNewest: its sequence number is the highest so far: a late packet proves nothing about now.
    mutating func packetAuthenticated(from source: SocketAddress, isNewest: Bool, now: Instant) -> Bool {
        guard let destination else { return false }
        if source == destination {
            candidateCount = 0
            return false
        }
        guard isNewest else { return false }
        if let ignored {
            if now >= ignored.until {
                self.ignored = nil
            } else if ignored.address == source {
                return false
            }
        }
        if candidateCount > 0, candidate == source {
            candidateCount += 1
        } else {
            candidate = source
            candidateCount = 1
        }
        guard candidateCount >= Self.packetsToMove else { return false }
        if let lastMove, now - lastMove < Self.pauseBetweenMoves { return false }
        self.destination = source
        lastMove = now
        candidateCount = 0
        return true
    }
}
