public import SottoBase

extension TenantPolicy {
    /// Leave to keep a call's content, if the evidence bears it: the only place where a `ConsentGrant` is made.
    ///
    /// It does not trust whoever asks: the evidence must be of this tenant, at least as strict as the tenant's rule, and show
    /// - for an announcement: that it was played whole;
    /// - for a question: that it was played, answered with yes, and that a spoken yes was read back whole; and nothing but a yes since.
    public func grantConsent(evidence: ConsentEvidence, uses: ConsentUses) -> Result<ConsentGrant, RefusedByPolicy> {
        func refuse(_ why: String) -> Result<ConsentGrant, RefusedByPolicy> { .failure(RefusedByPolicy(DecisionReason(consent.rule, why))) }
        guard evidence.tenant == name else { return refuse("the evidence is another tenant's") }
        guard consent.record != .never, evidence.mode != .never else { return refuse("this tenant never records") }
        guard evidence.mode >= consent.record else { return refuse("the evidence is laxer than the rule") }
        guard case .granted(let time) = evidence.outcome else { return refuse("consent was not granted") }
        let allowed = uses.intersection(consent.uses)
        guard !allowed.isEmpty else { return refuse("the rule covers none of these uses") }

        let basis: String
        if evidence.mode == .announce {
            guard evidence.hasPlayedWhole(.announcement) else { return refuse("the announcement was not played whole") }
            basis = "announced"
        } else {
            guard let how = evidence.standingYes else { return refuse("the evidence shows no confirmed yes") }
            basis = how
        }
        return .success(
            ConsentGrant(
                call: evidence.call, tenant: name, uses: allowed, policyVersion: evidence.policyVersion, rule: evidence.rule.description,
                basis: basis, grantedAt: time))
    }
}

extension ConsentEvidence {
    func hasPlayedWhole(_ prompt: ConsentPrompt) -> Bool {
        events.contains { event in
            if case .played(prompt, _, _, _, isWhole: true) = event { true } else { false }
        }
    }

    /// How the yes that still stands was given: `key`, or `voice` with its read-back; nil when there is none.
    var standingYes: String? {
        var wasAsked = false
        var voiceYes = false
        var standing: String?
        for event in events {
            switch event {
            case .played(.question, _, _, _, _): wasAsked = true
            case .played(.readBack, _, _, _, isWhole: true): if voiceYes { standing = "voice, read back" }
            case .played: break
            case .answered(.yes, .key, _): if wasAsked { standing = "key" }
            case .answered(.yes, .voice, _): voiceYes = wasAsked
            case .answered(.no, _, _), .withdrawn:
                standing = nil
                voiceYes = false
            case .answered(.unclear, _, _), .silence: break
            }
        }
        return standing
    }
}
