internal import AuditLog
internal import Calls
internal import Logging
internal import Policy
internal import Redaction
internal import SealedStorage
internal import SottoBase

/// Turns what happens in calls into log events and audit entries: the one place where both are worded.
enum CallNotes {
    static func write(_ note: CallNote, call: CallID?, to events: EventLog, audit: AuditTrail) {
        let (level, name, fields) = words(for: note)
        events.note(level, name, call: call, tenant: tenant(of: note), fields)
        if let entry = entry(for: note, call: call) { audit.note(entry) }
    }

    static func write(_ trace: VoiceTrace, call: CallID, tenant: TenantName, to events: EventLog) {
        switch trace {
        case .said(let text, let prompt):
            events.note(.debug, "voice.said", call: call, tenant: tenant, [("text", text.content), ("prompt", String(prompt))])
        case .played(let prompt):
            events.note(.debug, "voice.played", call: call, tenant: tenant, [("prompt", String(prompt))])
        case .listening(let expectation):
            let what =
                switch expectation {
                case .nothing: "nothing"
                case .menu: "an answer"
                case .value(let kind): "keys: \(kind.rawValue)"
                }
            events.note(.debug, "voice.listening", call: call, tenant: tenant, [("for", what)])
        case .redaction(.live(let line)):
            guard line.content.isFinal, line.content.speaker == .caller else { return }
            events.note(.debug, "voice.heard", call: call, tenant: tenant, [("text", line.content.text)])
        case .redaction(.mask(let window)):
            let what =
                switch window.cause {
                case .kind(let kind), .unlocated(let kind): kind.rawValue
                case .unheard: "unheard"
                }
            events.note(
                .debug, "redaction.masked", call: call, tenant: tenant,
                [("kind", what), ("from-ms", String(window.from.milliseconds)), ("to-ms", window.to.milliseconds - window.from.milliseconds > 86_400_000 ? "end" : String(window.to.milliseconds))])
        case .redaction(.keys(.run(let kind, let count))):
            events.note(.debug, "keys.collected", call: call, tenant: tenant, [("kind", kind.rawValue), ("count", String(count))])
        case .redaction(.stored), .redaction(.safePoint), .redaction(.keys(.menuKey)): break
        }
    }

    private static func tenant(of note: CallNote) -> TenantName? {
        switch note {
        case .arrived(let trunk, _): trunk.tenant
        case .refused(let trunk, _, _): trunk?.tenant
        case .consentGranted(let grant): grant.tenant
        default: nil
        }
    }

    private static func words(for note: CallNote) -> (Logger.Level, String, [(String, String)]) {
        switch note {
        case .arrived(let trunk, let version): (.info, "call.arrived", [("trunk", trunk.description), ("policy", version)])
        case .refused(let trunk, let status, let reason):
            (
                .notice, "call.refused",
                [("trunk", trunk?.description ?? "none"), ("status", String(status)), ("reason", reason.description)]
            )
        case .observed(let finding): (.warning, "fraud.finding", [("finding", String(describing: finding))])
        case .routed(let reason, let target): (.debug, "call.routed", [("target", target), ("rule", reason.description)])
        case .offerRefused(let status, let detail): (.notice, "call.offer-refused", [("status", String(status)), ("reason", detail)])
        case .mediaAgreed(let codec, let suite): (.info, "call.media-agreed", [("codec", codec), ("suite", suite)])
        case .answered: (.info, "call.answered", [])
        case .consentPlanned(let mode, let because):
            (.info, "consent.planned", [("mode", mode.rawValue), ("because", because.isEmpty ? "the tenant's rule" : because.joined(separator: ", "))])
        case .consentGranted(let grant): (.info, "consent.granted", [("uses", grant.uses.description), ("basis", grant.basis)])
        case .consentRefused(let action): (.info, "consent.refused", [("then", action.rawValue)])
        case .consentWithdrawn: (.info, "consent.withdrawn", [])
        case .payment(let isOn): (.info, isOn ? "payment.entered" : "payment.left", [])
        case .recordingFailed(let why): (.error, "recording.failed", [("reason", why)])
        case .recordingStopped(let why): (.info, "recording.stopped", [("reason", why)])
        case .recognizerFailed(let why): (.error, "recognizer.failed", [("reason", why)])
        case .mediaChanged(let direction): (.info, "call.media-changed", [("direction", direction)])
        case .leg(let leg, let note): words(for: note, of: leg)
        case .handOver(let trunk, let progress):
            switch progress {
            case .dialled: (.info, "hand-over.dialled", [("trunk", trunk.description)])
            case .referred: (.info, "hand-over.referred", [("trunk", trunk.description)])
            case .reached: (.info, "hand-over.reached", [("trunk", trunk.description)])
            case .failed(let why): (.notice, "hand-over.failed", [("trunk", trunk.description), ("reason", why.rawValue)])
            }
        case .transferAsked(let leg, .obeyed(let reason)):
            (.notice, "transfer.obeyed", [("leg", leg.description), ("reason", reason.description)])
        case .transferAsked(let leg, .refused(let reason)):
            (.notice, "transfer.refused", [("leg", leg.description), ("reason", reason.description)])
        case .ending(let termination):
            (.info, "call.ending", [("cause", termination.cause.rawValue), ("reason", termination.reason)])
        }
    }

    private static func words(for note: LegNote, of leg: CallLeg) -> (Logger.Level, String, [(String, String)]) {
        let name = ("leg", leg.description)
        return switch note {
        case .dialling(let trunk): (.info, "leg.dialling", [name, ("trunk", trunk.description)])
        case .invited(let hop): (.info, "leg.invited", [name, ("hop", hop)])
        case .hopFailed(let outcome): (.notice, "leg.hop-failed", [name, ("outcome", String(describing: outcome))])
        case .ringing(let status): (.info, "leg.ringing", [name, ("status", String(status))])
        case .earlyMedia: (.info, "leg.early-media", [name])
        case .mediaAgreed(let codec, let suite): (.info, "leg.media-agreed", [name, ("codec", codec), ("suite", suite)])
        case .answered: (.info, "leg.answered", [name])
        case .redirected(let isFollowed): (.notice, "leg.redirected", [name, ("followed", isFollowed ? "yes" : "no")])
        case .mediaChanged(let direction): (.info, "leg.media-changed", [name, ("direction", direction)])
        case .failed(let peer, let status):
            (.notice, "leg.failed", [name, ("peer-status", peer.map(String.init) ?? "none"), ("status", String(status))])
        case .ended(let cause, let reason):
            (.info, "leg.ended", [name, ("cause", cause.map(String.init) ?? "none"), ("reason", reason)])
        }
    }

    /// What is kept with the call itself; nil for what its other documents say.
    static func event(for note: CallNote) -> RecordFields? {
        switch note {
        case .arrived, .refused, .routed, .offerRefused: return nil
        default: break
        }
        let (_, name, words) = words(for: note)
        var fields: RecordFields = ["event": .code(name)]
        for (key, value) in words { fields.append(key, .code(value)) }
        return fields
    }

    private static func entry(for note: CallNote, call: CallID?) -> AuditEntry? {
        let (_, _, words) = words(for: note)
        let facts = Dictionary(words, uniquingKeysWith: { first, _ in first })
        func entry(_ act: AuditAct, _ outcome: AuditOutcome = .done, reason: String? = nil) -> AuditEntry {
            AuditEntry(act: act, actor: .daemon, outcome: outcome, tenant: tenant(of: note), call: call, reason: reason, facts: facts)
        }
        switch note {
        case .arrived: return entry(.callStarted)
        case .refused(_, _, let reason): return entry(.callRefused, .refused, reason: reason.description)
        case .offerRefused(_, let detail): return entry(.callRefused, .refused, reason: detail)
        case .observed: return entry(.alert)
        case .consentGranted(let grant): return entry(.consentDecided, reason: grant.rule)
        case .consentRefused: return entry(.consentDecided, .refused)
        case .consentWithdrawn: return entry(.consentDecided, .refused, reason: "withdrawn")
        case .payment(let isOn): return entry(isOn ? .paymentEntered : .paymentLeft)
        case .recordingFailed(let why): return entry(.recordingRefused, .failed, reason: why)
        case .recognizerFailed(let why): return entry(.alert, .failed, reason: why)
        case .transferAsked(_, .obeyed(let reason)): return entry(.alert, reason: reason.description)
        case .transferAsked(_, .refused(let reason)): return entry(.alert, .refused, reason: reason.description)
        case .routed, .mediaAgreed, .answered, .consentPlanned, .recordingStopped, .mediaChanged, .leg, .handOver, .ending: return nil
        }
    }
}
