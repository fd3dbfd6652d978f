internal import Policy
internal import SottoBase

/// Reads `[media]` and `[dns]`.
struct NetworkReader {
    let root: Section

    /// DSCP of media: EF (RFC 4594 §4.1).
    static let standardDSCP: UInt8 = 46

    func readMedia() -> MediaSettings? {
        guard let section = root.section("media", MachineTables.media) else { return nil }
        let ranges = readRanges(section)
        let ports: ClosedRange<UInt16>? =
            section.has("port-range")
            ? section.value("port-range", expected: "FIRST-LAST with FIRST even, LAST odd and at least two pairs, like 20000-29999") {
                text in
                let parts = text.split(separator: "-", omittingEmptySubsequences: false)
                guard parts.count == 2, let first = UInt16(parts[0]), let last = UInt16(parts[1]), first >= 1_024, first % 2 == 0,
                    last % 2 == 1, last >= first, last - first >= 3
                else { return nil }
                return first...last
            } : 20_000...29_999
        let threads = section.integer("threads", in: 1...256)
        let guardTime = section.integer("guard-ms", in: 40...120) ?? 60
        let timeout = section.duration("media-timeout", in: Duration.seconds(5)...Duration.seconds(600)) ?? .seconds(30)
        let dscp = section.dscp(standard: Self.standardDSCP)
        let hasDTLS = section.flag("dtls") ?? true
        guard let ranges, let ports else { return nil }
        return MediaSettings(
            ranges: ranges, ports: ports, threads: threads, guardMilliseconds: guardTime, timeout: timeout, dscp: dscp, hasDTLS: hasDTLS)
    }

    /// One range for each address that is bound, with the advertised address of its family.
    private func readRanges(_ section: Section) -> [MediaSettings.Range]? {
        var binds: [PeerAddress] = []
        if section.has("bind") {
            let expected = "an address like 192.0.2.1 or 2001:db8::1, or one of each family; no name"
            guard let read = section.values("bind", expected: expected, atMost: 2, { PeerAddress(host: $0, port: 0) }) else { return nil }
            binds = read
        } else if let all = PeerAddress(bytes: [0, 0, 0, 0], port: 0) {
            binds = [all]
        }
        let advertised = section.values("advertise", expected: "an address that peers can reach; no name", atMost: 2) { text in
            PeerAddress(host: text, port: 0).flatMap { $0.isUnspecified ? nil : $0 }
        }
        if section.has("advertise"), advertised == nil { return nil }
        for (key, addresses) in [("bind", binds), ("advertise", advertised ?? [])] {
            if addresses.isEmpty, section.has(key) { section.refuse(key, "'\(key)' is empty", expected: "at least one address") }
            if addresses.count == 2, addresses[0].isIPv6 == addresses[1].isIPv6 {
                section.refuse(key, "'\(key)' has two addresses of one family", expected: "at most one IPv4 and one IPv6 address")
                return nil
            }
        }
        if let advertised, let foreign = advertised.first(where: { address in !binds.contains { $0.isIPv6 == address.isIPv6 } }) {
            section.refuse(
                "advertise", "bind and advertise are of different address families",
                hint: "add an \(foreign.isIPv6 ? "IPv6" : "IPv4") address to bind")
            return nil
        }
        var ranges: [MediaSettings.Range] = []
        for bind in binds {
            if let advertise = advertised?.first(where: { $0.isIPv6 == bind.isIPv6 }) {
                ranges.append(MediaSettings.Range(bind: bind, advertise: advertise))
            } else if bind.isUnspecified {
                let hint = "bind is \(bind.hostText), which never goes into SDP"
                if section.has("advertise") {
                    section.refuse("advertise", "'advertise' lacks an address for bind \(bind.hostText)", hint: hint)
                } else {
                    section.findings.error(
                        at: section.location, "key 'advertise' is missing in [media]", expected: "an address that peers can reach",
                        hint: hint)
                }
                return nil
            } else {
                ranges.append(MediaSettings.Range(bind: bind, advertise: bind))
            }
        }
        return ranges.isEmpty ? nil : ranges
    }

    func readDNS() -> DNSSettings {
        let standard = DNSSettings.standard
        guard let section = root.section("dns", MachineTables.dns) else { return standard }
        let servers = section.values(
            "servers", expected: "an address, with a port if it is not 53: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:5353",
            hint: "who would resolve a name?", atMost: 8
        ) { text -> PeerAddress? in
            guard let server = TrunkServer(text), server.isAddress else { return nil }
            return PeerAddress(host: server.host, port: server.port ?? 53)
        }
        if servers?.isEmpty == true {
            section.refuse("servers", "'servers' is empty", hint: "leave the key out to ask the system's servers")
        }
        return DNSSettings(
            servers: servers ?? standard.servers,
            timeout: section.duration("timeout", in: Duration.milliseconds(100)...Duration.seconds(10)) ?? standard.timeout,
            attempts: section.integer("attempts", in: 1...5) ?? standard.attempts,
            longestCache: section.duration("longest-cache", in: Duration.seconds(1)...Duration.seconds(86_400)) ?? standard.longestCache)
    }
}
