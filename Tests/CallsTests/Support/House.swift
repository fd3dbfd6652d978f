import Consent
import Policy
import SottoBase

/// Two tenants with a trunk each. Facts without a row for anybody ask everybody; `oneParty` is content with being told.
struct House {
    var version = "v1"
    var record = RecordMode.ask
    var refused = RefusedAction.continue
    var media = MediaPolicy.standard
    var isTrusted = false
    var limits = AdmissionLimits()
    var rules: [FraudRule] = []
    var routes: [RoutePolicy]?
    var tenants = ["acme", "beta"]
    /// Besides the one that brings the calls.
    var extraTrunks: [TrunkPolicy] = []
    /// What the inbound trunk's REFER and Replaces may do.
    var refer = TrunkPolicy.Refer.refuse

    static let script = DialogueScript(
        name: "reception", start: "hello", states: [DialogueScript.State(name: "hello", say: "Hello.", step: .hangUp)],
        limits: DialogueScript.Limits())

    var policy: PolicySnapshot {
        guard let region = Region("US") else { preconditionFailure("a country") }
        return PolicySnapshot(
            version: version, tenants: tenants.map { tenant($0, region) }, gatewayRegion: region, limits: limits, fraudRules: rules)
    }

    private func tenant(_ name: String, _ region: Region) -> TenantPolicy {
        guard let tenantName = TenantName(name), let trunk = TrunkName("carrier"), let pattern = NumberPattern("+4930*") else {
            preconditionFailure("names")
        }
        let standard = [RoutePolicy(toNumbers: [pattern], target: .agent("reception"), rule: RuleReference("route 1", at: .builtIn))]
        return TenantPolicy(
            name: tenantName, region: region,
            trunks: [
                TrunkPolicy(
                    name: trunk, identity: .init(peers: [], certificateIdentities: ["x"]), media: media,
                    limits: TrunkLimits(calls: 100, callsPerSecond: 1_000, burst: 1_000), isTrusted: isTrusted, refer: refer)
            ] + extraTrunks,
            routes: routes ?? standard, consent: ConsentPolicy(record: record, refused: refused), dialogues: ["reception": Self.script])
    }

    static func trunk(of tenant: String) -> TrunkReference {
        guard let tenant = TenantName(tenant), let trunk = TrunkName("carrier") else { preconditionFailure("names") }
        return TrunkReference(tenant: tenant, trunk: trunk)
    }
}
