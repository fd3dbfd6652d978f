import Policy
import SDP
import SIPMessages
import SottoBase

/// Whom we call, as text: its answers to our INVITE.
enum FarSide {
    /// A response to our INVITE. Its addresses are its own: nothing of them may reach the caller.
    static func response(_ status: Int, body: String = "", headers: [String] = []) -> SIPResponse {
        var lines = [
            "SIP/2.0 \(status) Whatever", "Via: SIP/2.0/TLS sotto.example;branch=z9hG4bKfar", "From: <sip:a@sotto.example>;tag=ours",
            "To: <sip:b@pbx.example>;tag=theirs", "Call-ID: far-call", "CSeq: 1 INVITE", "Contact: <sip:secret@10.9.8.7:5061;transport=tls>",
            "Server: Inner-PBX/7",
        ]
        lines += headers
        if !body.isEmpty { lines.append("Content-Type: application/sdp") }
        lines.append("Content-Length: \(body.utf8.count)")
        var raw = Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
        guard case .response(let response)? = try? SIPMessageParser.parse(&raw) else { preconditionFailure("the test's own response") }
        return response
    }

    static func bye(_ headers: [String] = []) -> SIPRequest {
        guard case .request(let request) = Caller("far", body: "").with({ $0.headers = headers }).says("BYE") else {
            preconditionFailure("a request")
        }
        return request
    }

    /// An answer to our offer: the line with `suite`, and one codec.
    static func answer(
        to offer: SessionDescription?, suite: String = "AES_CM_128_HMAC_SHA1_80", payload: String = "8", direction: String = "sendrecv",
        port: Int = 7_000
    ) -> String {
        let crypto = offer?.media.first?.cryptos.first { "\($0.suite)" == suite }
        let key = suite.hasPrefix("AEAD_AES_256") ? String(repeating: "D", count: 58) + "A=" : "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
        let isIPv6 = offer?.connection?.addressType.equalsIgnoringCase("IP6") ?? false
        return Caller.sdp(
            address: isIPv6 ? "2001:db8::77" : "192.0.2.77", port: port, payloads: "\(payload) 101", crypto: ["\(crypto?.tag ?? 99) \(suite) inline:\(key)"],
            direction: direction, family: isIPv6 ? "IP6" : "IP4")
    }
}

extension House {
    static let pbx = TrunkReference(tenant: trunk(of: "acme").tenant, trunk: name("pbx"))

    static func name(_ text: String) -> TrunkName {
        guard let name = TrunkName(text) else { preconditionFailure("a name") }
        return name
    }

    static func outbound(
        _ name: String, media: MediaPolicy = .standard, isTrusted: Bool = false, refer: TrunkPolicy.Refer = .refuse,
        redirects: OutboundTrunk.Redirects = .refuse, transfer: OutboundTrunk.Transfer = .dial, callerID: CallerIDRule = .pass
    ) -> TrunkPolicy {
        guard let server = TrunkServer("\(name).example") else { preconditionFailure("a host") }
        return TrunkPolicy(
            name: self.name(name), identity: .init(peers: [], certificateIdentities: ["\(name).example"]), media: media,
            limits: TrunkLimits(calls: 100, callsPerSecond: 1_000, burst: 1_000), isTrusted: isTrusted, refer: refer,
            outbound: OutboundTrunk(
                servers: [server], redirects: redirects, transfer: transfer, callerID: callerID, fromDomain: "us.example"))
    }

    /// A house whose route leads to `trunks`, the first first.
    static func bridging(_ trunks: [TrunkPolicy] = [outbound("pbx")], _ change: (inout House) -> Void = { _ in }) -> House {
        var house = House()
        house.extraTrunks = trunks
        house.routes = [
            RoutePolicy(
                target: .trunk(trunks[0].name), failover: trunks.dropFirst().map(\.name), rule: RuleReference("route 1", at: .builtIn))
        ]
        change(&house)
        return house
    }

    /// The agent's house, with a trunk to a person.
    static func agency(_ trunk: TrunkPolicy = outbound("pbx")) -> House {
        var house = House()
        house.extraTrunks = [trunk]
        return house
    }
}
