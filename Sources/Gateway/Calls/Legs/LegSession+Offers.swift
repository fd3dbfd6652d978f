internal import SDP
internal import SIPMessages
internal import SIPSessions
internal import SottoBase

/// Our own offer inside a session that runs: at most one at a time.
struct Reoffer: Equatable, Sendable {
    /// What was sent and has no answer yet.
    var sent: SessionDescription?
    /// Something is to be offered, as soon as this time has come.
    var retryAt: Instant?
    /// Turned down for now in a row.
    var delays = 0
    /// The session is to be offered although nothing of it changed (a refresh, RFC 4028 §7.4).
    var isRefresh = false

    var isSent: Bool { sent != nil }
    static let delaysAtMost = 10
}

/// Hold towards the far side, refreshes: changes that are our idea.
extension LegSession {
    private var reofferCapabilities: MediaCapabilities {
        var narrow = capabilities
        // Nothing is to change but the direction: the suite in use, and the codec in use first.
        if let agreed {
            narrow.suites = [agreed.suite]
            narrow.codecs = [agreed.codec.name] + capabilities.codecs.filter { $0 != agreed.codec.name }
        }
        return narrow
    }

    /// The far side holds, or takes the call up again.
    mutating func want(_ direction: MediaDirection, _ now: Instant) {
        guard wanted != direction else { return }
        wanted = direction
        reoffer.delays = 0
        reoffer.retryAt = now
    }

    mutating func refresh(_ now: Instant) {
        reoffer.isRefresh = true
        reoffer.delays = 0
        reoffer.retryAt = now
    }

    /// Sends what is to be offered if its time has come and nothing else is under way.
    mutating func offerIfDue(_ now: Instant, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        guard let due = reoffer.retryAt, due <= now else { return [] }
        guard !reoffer.isSent, !isDialogGone, let dialog, let agreed, var local = local?.withFreshKeys(for: [], &entropy) else {
            reoffer.retryAt = nil
            return []
        }
        guard pending.isEmpty, offeredAgain == nil else {
            later(.milliseconds(200), now)
            return []
        }
        reoffer.retryAt = nil
        reoffer.isRefresh = false
        // The key stays: neither address nor suite changes (RFC 4568 §7.1.4).
        local.keys[agreed.suite] = agreed.localKey
        local.direction = wanted
        let offer = SDPOfferer.makeOffer(capabilities: reofferCapabilities, local: local, previous: agreed)
        reoffer.sent = offer
        return [.sip(.reoffer(dialog, SIPBody(sdp: offer)))]
    }

    /// Puts it off; after too many times the session stays as it is.
    private mutating func later(_ delay: Duration, _ now: Instant) {
        reoffer.delays += 1
        reoffer.retryAt = reoffer.delays > Reoffer.delaysAtMost ? nil : now + delay
    }

    mutating func reofferEnded(_ outcome: ReofferOutcome, _ now: Instant, _ entropy: inout some RandomNumberGenerator) -> [Output] {
        guard let offer = reoffer.sent, let before = agreed else { return [] }
        reoffer.sent = nil
        switch outcome {
        case .accepted(let response):
            reoffer.delays = 0
            guard case .description(let answer)? = SDPOffer(response)?.content,
                case .success(let media) = reachable(
                    SDPOfferer.accept(answer: answer, to: offer, capabilities: reofferCapabilities, previous: before))
            else {
                // The peer has seen this version: the next description must go on from it (RFC 3264 §8).
                agreed?.local.origin = offer.origin
                return []
            }
            let kept = media.keepingOneKey()
            if kept.isSameMedia(as: before) {
                agreed = kept
                return []
            }
            pending.append(.answered(kept, asked: nil))
            return [.media(.update(kept))]
        case .refused(let response) where response.status == 491:
            // RFC 3261 §14.1: 2.1 to 4 s for who made the Call-ID, else 0 to 2 s, in units of 10 ms.
            let units = leg == .caller ? Int64(entropy.next() % 201) : 210 + Int64(entropy.next() % 191)
            later(.milliseconds(units * 10), now)
        case .notNow:
            later(.milliseconds(500), now)
        case .refused, .failed:
            break
        }
        return []
    }
}
