import Audio
import MediaPlane
import Policy
import SDP
import SRTP
import SottoBase
import SottoTLS

/// One tenant with three trunks: who calls, and two that are called.
enum Premises {
    static let names = ["carrier", "pbx", "backup"]

    static func trunk(_ phone: Int) -> TrunkReference {
        guard let tenant = TenantName("acme"), let trunk = TrunkName(names[min(max(phone, 0), 2)]) else { preconditionFailure("names") }
        return TrunkReference(tenant: tenant, trunk: trunk)
    }

    static func phone(of trunk: TrunkReference) -> Int? { names.firstIndex(of: trunk.trunk.text) }

    static let person = DialledNumber(user: "+49307" as String)

    static let script = DialogueScript(
        name: "reception", start: "hello", states: [DialogueScript.State(name: "hello", say: "Hello.", step: .hangUp)],
        limits: DialogueScript.Limits())

    static let media = MediaPolicy(
        suites: [.aeadAES256GCM, .aeadAES128GCM, .aes256CMSHA1_80, .aes128CMSHA1_80], keying: .any, codecs: [.opus, .g722, .pcmu, .pcma])

    static var policy: PolicySnapshot {
        guard let region = Region("DE"), let tenant = TenantName("acme"), let echo = NumberPattern("+49301*"),
            let agent = NumberPattern("+49302*")
        else { preconditionFailure("names") }
        let routes = [
            RoutePolicy(toNumbers: [echo], target: .echo, rule: RuleReference("echo", at: .builtIn)),
            RoutePolicy(toNumbers: [agent], target: .agent("reception"), rule: RuleReference("agent", at: .builtIn)),
            RoutePolicy(target: .trunk(trunk(1).trunk), failover: [trunk(2).trunk], rule: RuleReference("bridge", at: .builtIn)),
        ]
        return PolicySnapshot(
            version: "v1",
            tenants: [
                TenantPolicy(
                    name: tenant, region: region, trunks: [trunkPolicy(0), trunkPolicy(1), trunkPolicy(2)], routes: routes,
                    consent: ConsentPolicy(record: .ask, refused: .continue), dialogues: ["reception": script])
            ], gatewayRegion: region, limits: AdmissionLimits(), fraudRules: [])
    }

    private static func trunkPolicy(_ phone: Int) -> TrunkPolicy {
        guard let server = TrunkServer("\(names[phone]).example") else { preconditionFailure("a host") }
        return TrunkPolicy(
            name: trunk(phone).trunk, identity: .init(peers: [], certificateIdentities: ["\(names[phone]).example"]), media: media,
            limits: TrunkLimits(calls: 100, callsPerSecond: 1_000, burst: 1_000), refer: .obey,
            outbound: phone == 0
                ? nil
                : OutboundTrunk(
                    servers: [server], redirects: .follow, transfer: phone == 2 ? .refer : .dial, callerID: .pass,
                    fromDomain: "us.example"))
    }
}

extension MediaSettings {
    /// As the daemon turns signaling's words into the media plane's.
    init(_ agreed: NegotiatedMedia) {
        let direction: MediaPlane.MediaDirection =
            switch agreed.direction {
            case .sendrecv: .sendReceive
            case .sendonly: .sendOnly
            case .recvonly: .receiveOnly
            case .inactive: .inactive
            }
        let keying: MediaPlane.MediaKeying =
            switch agreed.keying {
            case .sdes(let remote, let localKey):
                .sdes(SDESKeys(profile: SRTPProfile(remote.suite), localKey: localKey, remoteKey: remote.key))
            case .dtls(let terms):
                .dtls(
                    DTLSKeying(
                        role: terms.role == .active ? .active : .passive,
                        remoteFingerprints: terms.remoteFingerprints.map { MediaFingerprint(bytes: $0.bytes) },
                        generation: terms.generation))
            }
        let codec: AudioCodec =
            switch agreed.codec.name {
            case .pcmu: .pcmu
            case .pcma: .pcma
            case .opus: .opus
            case .g722: .g722
            }
        self.init(
            remote: agreed.remoteAddress, remoteRTCPPort: agreed.remoteRTCPPort, rtcpMux: agreed.multiplexesRTCP, direction: direction,
            codec: codec, payloadType: agreed.codec.payloadType, telephoneEvent: agreed.telephoneEvent?.payloadType,
            telephoneEventClockRate: Int(agreed.telephoneEvent?.clockRate ?? 8_000), comfortNoise: agreed.comfortNoise,
            packetMilliseconds: Int(agreed.packetTime), keying: keying)
    }
}

extension SRTPProfile {
    fileprivate init(_ suite: SRTPSuite) {
        self =
            switch suite {
            case .aeadAES256GCM: .aeadAES256GCM
            case .aeadAES128GCM: .aeadAES128GCM
            case .aesCM128HMACSHA1_32: .aes128CMSHA1_32
            case .aesCM128HMACSHA1_80: .aes128CMSHA1_80
            case .aes256CMHMACSHA1_80, .aes256CMHMACSHA1_32: .aes256CMSHA1_80
            }
    }
}
