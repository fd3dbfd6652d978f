internal import Policy
internal import SottoBase

/// Reads `[[trunk]]`.
struct TrunkReader {
    let section: Section
    /// The folder of sotto.toml, for relative paths.
    let folder: String

    private enum Identify: String, CaseIterable {
        case both, either
    }

    func read() -> TrunkPolicy? {
        let name = section.value("name", expected: "a-z, 0-9 and hyphens", { TrunkName($0) })
        let peers = readPeers()
        let identities = section.values(
            "certificate-identity", expected: "a host name or SIP domain, like sbc.carrier.example",
            hint: "wildcards are not allowed (RFC 5922 §7.2)"
        ) { text in
            let canonical = TrunkPolicy.Identity.canonical(text)
            return TrunkServer.isHostName(canonical) || canonical.contains("@") && !canonical.contains("*") ? canonical : nil
        }
        if !section.has("peers"), !section.has("certificate-identity") {
            section.findings.error(
                at: section.location, "anybody would be this trunk", expected: "peers or certificate-identity")
        }
        if peers?.isEmpty == true {
            section.refuse("peers", "'peers' is empty", expected: "at least one address")
        }
        let identify = section.choice("identify", Identify.self)
        if identify != nil, !(section.has("peers") && section.has("certificate-identity")) {
            section.findings.warning(
                at: section.place(of: "identify"), "'identify' has no effect",
                hint: "it matters when peers and certificate-identity are both named")
        }
        let media = section.section("media", TrunkTables.media).map(readMedia) ?? .standard
        let limits = section.section("limits", TrunkTables.limits).map(readLimits) ?? .standard
        let numbers = section.choice("numbers", NumberStyle.self) ?? .plus
        let isTrusted = section.flag("trusted") ?? false
        let refer = section.choice("refer", TrunkPolicy.Refer.self) ?? .refuse
        let timer = section.section("session-timer", TrunkTables.sessionTimer).map(readTimer) ?? .standard
        let outbound = section.section("outbound", TrunkTables.outbound).flatMap {
            OutboundReader(section: $0, folder: folder, numbers: numbers).read()
        }
        guard let name else { return nil }
        return TrunkPolicy(
            name: name,
            identity: TrunkPolicy.Identity(
                peers: peers ?? [], certificateIdentities: identities ?? [], needsBoth: identify != .either),
            media: media, limits: limits, numberStyle: numbers, isTrusted: isTrusted, refer: refer, sessionTimer: timer,
            outbound: outbound, location: section.location)
    }

    private func readPeers() -> [AddressRange]? {
        // Read once without complaint, to learn what was meant.
        var meant: [String] = []
        if case .array(let nodes)? = section.table["peers"]?.node.value {
            for case .string(let text) in nodes.map(\.value) {
                do throws(AddressRange.Problem) { _ = try AddressRange(text) } catch {
                    if case .hostBitsSet(let range) = error { meant.append("\(text.shortened) has bits behind its prefix: \(range)?") }
                }
            }
        }
        return section.values(
            "peers", expected: "an address or CIDR range, like 198.51.100.0/24 or 2001:db8::/32",
            hint: meant.first ?? "names are not resolved"
        ) { text -> AddressRange? in
            do throws(AddressRange.Problem) { return try AddressRange(text) } catch { return nil }
        }
    }

    private func readMedia(_ section: Section) -> MediaPolicy {
        let standard = MediaPolicy.standard
        let suites = section.choices(
            "suites", MediaSuite.self,
            later: [
                "AES_CM_256_HMAC_SHA1_80": "its name in RFC 6188 is AES_256_CM_HMAC_SHA1_80",
                "NULL_HMAC_SHA1_80": "media without encryption is never negotiated",
            ])
        let codecs = section.choices("codecs", MediaCodec.self, later: ["G729": "G.729 is not part of this version"])
        let keying =
            section.choice(
                "keying", MediaKeying.self, later: ["none": "media without encryption is never negotiated"]) ?? standard.keying
        for (key, isEmpty) in [("suites", suites?.isEmpty), ("codecs", codecs?.isEmpty)] where isEmpty == true {
            section.refuse(key, "'\(key)' is empty", expected: "at least one")
        }
        return MediaPolicy(
            suites: suites.flatMap { $0.isEmpty ? nil : $0.unique } ?? standard.suites,
            keying: keying, codecs: codecs.flatMap { $0.isEmpty ? nil : $0.unique } ?? standard.codecs,
            guardMilliseconds: section.integer("guard-ms", in: 40...120), packetMilliseconds: readPacketTime(section),
            rollover: section.choice("rekey-roc") ?? standard.rollover, holdSound: section.choice("hold-music") ?? standard.holdSound,
            earlyMedia: section.choice("early-media") ?? standard.earlyMedia,
            usesComfortNoise: section.flag("comfort-noise") ?? standard.usesComfortNoise)
    }

    private func readPacketTime(_ section: Section) -> Int {
        guard let milliseconds = section.integer("ptime", in: 10...60) else { return MediaPolicy.standard.packetMilliseconds }
        guard milliseconds % 10 == 0 else {
            section.refuse("ptime", "packets hold whole tens of milliseconds", expected: "10, 20, 30, 40, 50 or 60")
            return MediaPolicy.standard.packetMilliseconds
        }
        return milliseconds
    }

    private func readTimer(_ section: Section) -> SessionTimerPolicy {
        let standard = SessionTimerPolicy.standard
        let range: ClosedRange<Duration> = Duration.seconds(90)...Duration.seconds(86_400)
        let minimum = section.duration("min-se", in: range) ?? standard.minimum
        let expires = section.duration("expires", in: range) ?? max(standard.expires, minimum)
        if expires < minimum {
            section.refuse(
                section.has("expires") ? "expires" : "min-se", "a session shorter than 'min-se' is asked for",
                expected: "expires of at least min-se")
        }
        return SessionTimerPolicy(
            minimum: minimum, expires: expires, refresher: section.choice("refresher") ?? standard.refresher,
            isOffered: section.flag("offer") ?? standard.isOffered)
    }

    private func readLimits(_ section: Section) -> TrunkLimits {
        let rate = section.number("calls-per-second", in: 0.1...10_000) ?? TrunkLimits.standard.callsPerSecond
        return TrunkLimits(
            calls: section.integer("calls", in: 1...100_000) ?? TrunkLimits.standard.calls, callsPerSecond: rate,
            burst: section.integer("burst", in: 1...100_000) ?? max(1, Int((rate * 2).rounded(.up))), location: section.location)
    }
}

extension Array where Element: Hashable {
    /// Without repetitions, in order.
    var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
