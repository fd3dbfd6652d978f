public import Policy

/// A party to a call, as far as consent is concerned.
public struct ConsentParty: Hashable, Sendable {
    public enum Role: String, Hashable, Sendable {
        case caller, callee, tenant, gateway
    }

    public let role: Role
    /// nil: unknown, which is strict.
    public let region: Region?
    /// The region is only suggested by a number.
    public let isHint: Bool

    public init(role: Role, region: Region?, isHint: Bool = false) {
        self.role = role
        self.region = region
        self.isHint = isHint
    }

    /// A party that is known by its number alone.
    public init(role: Role, number: DialledNumber?) {
        let hint = RegionHint(number: number)
        self.init(role: role, region: hint?.region, isHint: hint?.isHint ?? false)
    }

    /// The parties of an inbound call. A callee that was dialled by a name is the tenant itself.
    public static func inbound(
        caller: DialledNumber?, callee: DialledNumber, tenantRegion: Region, gatewayRegion: Region
    ) -> [ConsentParty] {
        [ConsentParty(role: .caller, number: caller)]
            + (callee.isInternational ? [ConsentParty(role: .callee, number: callee)] : [])
            + [ConsentParty(role: .tenant, region: tenantRegion), ConsentParty(role: .gateway, region: gatewayRegion)]
    }
}

/// What a call's consent needs: the strictest over its parties' regions and its tenant's rule.
public struct ConsentPlan: Hashable, Sendable {
    /// What is done. Never laxer than the tenant's rule; `never` only by the tenant's rule.
    public let mode: RecordMode
    /// Announcements that are due besides: before the recording, or on the recording itself.
    public let notices: Set<ConsentFacts.Notice>
    /// The caller is told first that it speaks with an AI (AI Act Art. 50(1)).
    public let disclosesAI: Bool
    /// Every row that was looked at, in the order of the parties.
    public let rows: [ConsentEvidence.Row]
    public let factsDated: String
    /// Which regions asked for more than the tenant's rule; empty when the tenant's rule decided.
    public let strictBecauseOf: [String]
}

extension ConsentFacts {
    /// The strictest over all parties.
    ///
    /// - `one`: telling is enough (Sotto records nobody in silence).
    /// - `all`, `contested`, unknown: the caller is asked, unless the row says that an announcement satisfies it (`notice-any`).
    /// - A region that is only suggested by a number counts with its own row *and* as unknown: a hint may add duties, not take one away.
    /// - In `ask`, the question itself is the announcement before the recording.
    public func plan(parties: [ConsentParty], policy: ConsentPolicy) -> ConsentPlan {
        var rows: [ConsentEvidence.Row] = []
        var needed = RecordMode.announce
        var strict: [String] = []
        var notices: Set<Notice> = []
        var disclosesAI = false
        for party in parties {
            let row = party.region.flatMap { self.row(for: $0) }
            let region = party.region?.code ?? "unknown"
            rows.append(
                ConsentEvidence.Row(
                    region: region, row: row?.code.code ?? "unknown", parties: row?.parties.rawValue ?? Parties.all.rawValue,
                    basis: row?.basis, isChecked: row?.isChecked ?? false, party: party.role.rawValue, isHint: party.isHint))
            if let country = party.region.map({ $0.country ?? $0 }), UnionMembers.isEU(country) { disclosesAI = true }
            if let row {
                notices.formUnion(row.noticeAll)
                if let told = Self.told(row.noticeAny) { notices.insert(told) }
            }
            let asks = row.map { $0.parties != .one && Self.told($0.noticeAny) == nil } ?? true
            if asks || party.isHint {
                if policy.record == .announce { strict.append("\(region) (\(party.role.rawValue))") }
                needed = .ask
            }
        }
        if parties.isEmpty { needed = .ask }
        let mode = max(policy.record, needed)
        if mode == .never { notices = [] }
        return ConsentPlan(
            mode: mode, notices: notices, disclosesAI: disclosesAI, rows: rows, factsDated: dated, strictBecauseOf: strict)
    }

    /// The notice by which Sotto satisfies a row: telling before, else telling on the recording. A yes is not on the recording, because
    /// nothing is recorded before it; a tone is not part of this version.
    private static func told(_ any: [Notice]) -> Notice? {
        if any.contains(.announcement) { return .announcement }
        return any.contains(.announcementRecorded) ? .announcementRecorded : nil
    }
}
