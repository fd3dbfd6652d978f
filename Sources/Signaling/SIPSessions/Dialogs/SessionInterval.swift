import SIPMessages
import SottoBase

/// What a session refresh request or its 2xx says of session timers (RFC 4028): how long the session lasts, and who refreshes it.
enum SessionInterval: Hashable, Sendable {
    /// No Session-Expires: the session has no timer (RFC 4028 §9).
    case none
    /// The peer refreshes within `seconds`.
    case refreshedByPeer(seconds: UInt32)
    /// We do.
    case refreshedByUs(seconds: UInt32)
    /// Below our minimum: 422 with Min-SE (RFC 4028 §6).
    case tooSmall

    /// The least interval that we accept, in seconds, and the least that RFC 4028 §5 allows anybody to demand.
    static let minimum: UInt32 = 90

    static var minimumHeader: SIPHeader { SIPHeader(.minSE, WireText("\(minimum)")) }

    /// As UAS, from a request (table 2 of RFC 4028 §9). `current` is what the session has: its refresher stays when the request names none.
    init(_ request: SIPRequest, current: SessionInterval = .none) {
        let isSupported = request.has("timer", in: .supported) || request.has("timer", in: .require)
        guard let value = request.header(.sessionExpires), let seconds = request.seconds(.sessionExpires) else {
            // Also when it cannot be read: as if it were absent. Where we refresh we may ask for it again (§9).
            if case .refreshedByUs = current { self = current } else { self = .none }
            return
        }
        guard seconds >= Self.minimum else {
            // 422 only to one who understands it (§6). For another the interval may not be raised either: then there is no timer.
            self = isSupported ? .tooSmall : .none
            return
        }
        // One who does not know timers cannot refresh: a proxy asked, and it is for us (§9).
        guard isSupported else {
            self = .refreshedByUs(seconds: seconds)
            return
        }
        let refresher = Self.refresher(in: value)
        let isNamed = refresher.map { $0.equalsIgnoringCase("uas") || $0.equalsIgnoringCase("uac") } ?? false
        let wantsUs: Bool
        if isNamed {
            wantsUs = refresher?.equalsIgnoringCase("uas") ?? false
        } else if case .refreshedByUs = current {
            wantsUs = true
        } else {
            wantsUs = false
        }
        self = wantsUs ? .refreshedByUs(seconds: seconds) : .refreshedByPeer(seconds: seconds)
    }

    /// What a 2xx to our own INVITE or UPDATE agrees to (§7.2): there we are the UAC.
    init(_ response: SIPResponse) {
        guard let value = response.header(.sessionExpires), let seconds = response.seconds(.sessionExpires), seconds >= Self.minimum else {
            self = .none
            return
        }
        let isPeer = Self.refresher(in: value)?.equalsIgnoringCase("uas") ?? false
        self = isPeer ? .refreshedByPeer(seconds: seconds) : .refreshedByUs(seconds: seconds)
    }

    /// As UAS, where the request asked for nothing and the application wants a timer: the peer refreshes if it can (§9).
    static func proposed(_ seconds: UInt32, _ proposal: Proposal) -> SessionInterval {
        let seconds = max(seconds, minimum, proposal.least)
        return proposal.peerMayRefresh ? .refreshedByPeer(seconds: seconds) : .refreshedByUs(seconds: seconds)
    }

    /// What a request without Session-Expires leaves to us.
    struct Proposal: Hashable, Sendable {
        let peerMayRefresh: Bool
        /// Its Min-SE, in seconds.
        let least: UInt32

        init(_ request: SIPRequest) {
            peerMayRefresh = request.has("timer", in: .supported)
            least = min(request.seconds(.minSE) ?? 0, 86_400)
        }
    }

    private static func refresher(in value: WireText) -> WireText? {
        guard let start = value.bytes.firstIndex(of: UInt8(ascii: ";")) else { return nil }
        return SIPParameters(value.slice(start - value.range.lowerBound..<value.count)).value("refresher")
    }

    private var seconds: UInt32? {
        switch self {
        case .refreshedByPeer(let seconds), .refreshedByUs(let seconds): seconds
        case .none, .tooSmall: nil
        }
    }

    /// When to end the session if nothing refreshed it: a third of the interval, at most 32 s, before its end (RFC 4028 §10).
    func deadline(from now: Instant) -> Instant? {
        guard let seconds else { return nil }
        let interval = Duration.seconds(Int64(seconds))
        return now + (interval - min(.seconds(32), interval / 3))
    }

    /// When we refresh it: after half of the interval (RFC 4028 §7.2).
    func refresh(from now: Instant) -> Instant? {
        guard case .refreshedByUs(let seconds) = self else { return nil }
        return now + .seconds(Int64(seconds)) / 2
    }

    /// What the 2xx says: a refresher that is the UAC must know it, hence Require (RFC 4028 §9).
    var headers: [SIPHeader] {
        switch self {
        case .refreshedByPeer(let seconds):
            [SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uac")), SIPHeader(.require, "timer")]
        case .refreshedByUs(let seconds):
            [SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uas"))]
        case .none, .tooSmall:
            []
        }
    }

    /// What a re-INVITE or UPDATE of ours says, so that the timer and its refresher stay (RFC 4028 §7.4).
    var requestHeaders: [SIPHeader] {
        switch self {
        case .refreshedByPeer(let seconds): [SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uas"))]
        case .refreshedByUs(let seconds): [SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uac"))]
        case .none, .tooSmall: []
        }
    }
}
