internal import SIPTransport
internal import SottoBase

/// Lets one notice of each kind through in a second, so that a scanner fills neither the log nor the audit log, and one kind hides no
/// other. Bounded: there are no more kinds than faults.
struct NoticeLimiter {
    enum Kind: Hashable {
        /// A peer that is no trunk.
        case stranger
        /// Closed before its handshake, or by it.
        case turnedAway(SIPTransportFault)
        /// A connection of ours that did not come about.
        case dialFailed
    }

    private var kinds: [Kind: (at: Instant, suppressed: Int)] = [:]

    /// Nil when this one is to be left out; else how many of its kind were left out before it.
    mutating func allowance(_ kind: Kind, now: Instant) -> Int? {
        guard let last = kinds[kind], now - last.at < .seconds(1) else {
            return kinds.updateValue((now, 0), forKey: kind)?.suppressed ?? 0
        }
        kinds[kind] = (last.at, last.suppressed + 1)
        return nil
    }
}
