import SIPMessages
import SottoBase

/// What a session refresh request asks of session timers (RFC 4028), and what we say to it as UAS.
///
/// We let the peer refresh and never do it ourselves: a timer runs only when the peer supports it and may be the refresher.
enum SessionInterval: Hashable, Sendable {
    /// No Session-Expires, or terms that we do not take: the 2xx carries none, so the session has no timer (RFC 4028 §9).
    case none
    /// The peer refreshes within `seconds`.
    case refreshedByPeer(seconds: UInt32)
    /// Below our minimum: 422 with Min-SE (RFC 4028 §6).
    case tooSmall

    /// The least interval that we accept, in seconds, and the least that RFC 4028 §5 allows anybody to demand.
    static let minimum: UInt32 = 90

    static var minimumHeader: SIPHeader { SIPHeader(.minSE, WireText("\(minimum)")) }

    init(_ request: SIPRequest) {
        guard request.has("timer", in: .supported) || request.has("timer", in: .require), let value = request.header(.sessionExpires),
            let seconds = request.seconds(.sessionExpires)
        else {
            self = .none  // also when it cannot be read: as if it were absent
            return
        }
        guard seconds >= Self.minimum else {
            self = .tooSmall
            return
        }
        // Without a choice of the peer's we name it (RFC 4028 §9, table 2). One who wants us to refresh gets a session without a timer.
        let wantsUsToRefresh = Self.refresher(in: value)?.equalsIgnoringCase("uas") ?? false
        self = wantsUsToRefresh ? .none : .refreshedByPeer(seconds: seconds)
    }

    /// What a 2xx to our own re-INVITE agrees to: there the refreshing peer is the UAS.
    init(_ response: SIPResponse) {
        guard let value = response.header(.sessionExpires), let seconds = response.seconds(.sessionExpires), seconds >= Self.minimum,
            Self.refresher(in: value)?.equalsIgnoringCase("uas") ?? false
        else {
            self = .none
            return
        }
        self = .refreshedByPeer(seconds: seconds)
    }

    private static func refresher(in value: WireText) -> WireText? {
        guard let start = value.bytes.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        return SIPParameters(value.slice(start - value.range.lowerBound..<value.count)).value("refresher")
    }

    /// When to end the session if nothing refreshed it: a third of the interval, at most 32 s, before its end (RFC 4028 §10).
    func deadline(from now: Instant) -> Instant? {
        guard case .refreshedByPeer(let seconds) = self else { return nil }
        let interval = Duration.seconds(Int64(seconds))
        return now + (interval - min(.seconds(32), interval / 3))
    }

    /// What the 2xx says: a refresher that is the UAC must know it, hence Require (RFC 4028 §9).
    var headers: [SIPHeader] {
        guard case .refreshedByPeer(let seconds) = self else { return [] }
        return [SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uac")), SIPHeader(.require, "timer")]
    }

    /// What a re-INVITE of ours says, so that it does not switch the peer's timer off (RFC 4028 §7.4).
    var requestHeaders: [SIPHeader] {
        guard case .refreshedByPeer(let seconds) = self else { return [] }
        return [SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uas"))]
    }
}
