/// What may be done with a call's content. Each is granted or refused by itself.
public struct ConsentUses: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Keep the audio.
    public static let recording = ConsentUses(rawValue: 1)
    /// Keep a (masked) transcript.
    public static let transcription = ConsentUses(rawValue: 2)
    /// Give the (masked) words to a model beyond this call.
    public static let analysis = ConsentUses(rawValue: 4)
    /// Train on them.
    public static let training = ConsentUses(rawValue: 8)

    /// The names that policy files and records use, in order.
    public static let names: [(use: ConsentUses, name: String)] = [
        (.recording, "recording"), (.transcription, "transcription"), (.analysis, "analysis"), (.training, "training"),
    ]

    public var description: String {
        Self.names.filter { contains($0.use) }.map(\.name).joined(separator: "+")
    }
}

/// Leave to keep a call's content. A recorder can only be built with one: no grant, no object.
///
/// It is made by Policy alone (`TenantPolicy.grantConsent`), which checks the evidence against the rule. It is never made up, loaded
/// from a disk or carried from one call to another.
public struct ConsentGrant: Hashable, Sendable {
    public let call: CallID
    public let tenant: TenantName
    public let uses: ConsentUses
    /// The policy version that the call was born with.
    public let policyVersion: String
    /// Which rule allowed it, with file and line: `[consent] record = "ask" (tenants/acme.toml:31)`.
    public let rule: String
    /// How it was given, for a record's header: `key`, `voice, read back`, `announced`. The whole evidence lies in the call's record.
    public let basis: String
    public let grantedAt: WallTime

    package init(
        call: CallID, tenant: TenantName, uses: ConsentUses, policyVersion: String, rule: String, basis: String, grantedAt: WallTime
    ) {
        self.call = call
        self.tenant = tenant
        self.uses = uses
        self.policyVersion = policyVersion
        self.rule = rule
        self.basis = basis
        self.grantedAt = grantedAt
    }
}
