internal import SottoBase

/// What both sides of offer and answer choose by the same rules.
enum MediaSelection {
    /// The first payload of the peer's list that policy allows.
    static func codec(in payloads: [PayloadFormat], allowed: [CodecName]) -> NegotiatedCodec? {
        for payload in payloads {
            guard let name = CodecName.allCases.first(where: { payload.encoding.equalsIgnoringCase($0.encoding) }),
                allowed.contains(name), payload.clockRate == name.clockRate, payload.channels == name.channels
            else { continue }
            return NegotiatedCodec(
                name: name, payloadType: payload.payloadType, clockRate: payload.clockRate, channels: payload.channels,
                parameters: payload.parameters)
        }
        return nil
    }

    /// Events at the codec's clock (RFC 4733 §2.1), or at 8000 Hz beside Opus, as several phones offer them.
    static func telephoneEvent(in payloads: [PayloadFormat], clockRate: UInt32) -> TelephoneEvent? {
        let events = payloads.filter { $0.encoding.equalsIgnoringCase("telephone-event") }
        guard let event = events.first(where: { $0.clockRate == clockRate }) ?? events.first(where: { $0.clockRate == 8000 }) else {
            return nil
        }
        return TelephoneEvent(payloadType: event.payloadType, clockRate: event.clockRate)
    }

    /// RFC 5761 §4: with the marker bit they are RTCP's 192 to 223.
    static func looksLikeRTCP(_ payloadType: UInt8) -> Bool { (64...95).contains(payloadType) }

    /// Comfort noise beside a codec whose clock is 8000 Hz as well (RFC 3389 §4).
    static func comfortNoise(in payloads: [PayloadFormat], clockRate: UInt32) -> UInt8? {
        guard clockRate == 8000 else { return nil }
        return payloads.first { $0.encoding.equalsIgnoringCase("CN") && $0.clockRate == 8000 && $0.channels == 1 }?.payloadType
    }

    /// Our most preferred suite among the peer's usable lines; among lines of one suite the peer's first.
    static func crypto(in lines: [CryptoAttribute], capabilities: MediaCapabilities, keys: [SRTPSuite: SecretBytes]) -> CryptoAttribute? {
        for suite in capabilities.suites where keys[suite]?.count == suite.keyingLength {
            if let line = lines.first(where: { $0.suite == suite && ($0.mki == nil || capabilities.allowsMKI) }) { return line }
        }
        return nil
    }

    /// What the peer asks for, held within 10–60 ms, its maximum and what the codec can do.
    static func packetTime(of media: MediaDescription, codec: CodecName, preferred: UInt16) -> UInt16 {
        var time = media.packetTime ?? preferred
        if time == 0 { time = preferred }
        if let maximum = media.maximumPacketTime, maximum >= 10 { time = min(time, maximum) }
        time = min(max(time, 10), 60) / 10 * 10
        if codec == .opus {
            // RFC 7587 §6.1: frames last 10, 20, 40 or 60 ms here.
            if time == 30 { time = 20 }
            if time == 50 { time = 40 }
        }
        return time
    }

    /// Where the peer wants its packets: nil inside the success for hold by an unspecified address.
    static func addresses(
        of media: MediaDescription, in description: SessionDescription, multiplexed: Bool
    ) -> Result<(rtp: PeerAddress?, rtcp: PeerAddress?), OfferRefusal> {
        guard let connection = description.connection(of: media), let rtp = connection.peerAddress(port: media.port) else {
            return .failure(.address)
        }
        if rtp.isMulticast { return .failure(.multicast) }
        if rtp.isUnspecified { return .success((nil, nil)) }
        if rtp.isReserved { return .failure(.address) }
        if multiplexed { return .success((rtp, rtp)) }
        if let rtcp = media.rtcp {
            let address = rtcp.connection.flatMap { $0.peerAddress(port: rtcp.port) } ?? connection.peerAddress(port: rtcp.port)
            if rtcp.port > 0, let address, !address.isUnspecified, !address.isMulticast { return .success((rtp, address)) }
            return .success((rtp, nil))
        }
        return .success((rtp, media.port < .max ? connection.peerAddress(port: media.port + 1) : nil))
    }

    /// Our direction: what we want, as far as the peer's allows it (RFC 3264 §6.1). Hold by address: we do not send (§8.4).
    static func direction(wanted: MediaDirection, remote: MediaDirection, remoteIsReachable: Bool) -> MediaDirection {
        let allowed = remote.reversed
        return MediaDirection(sends: wanted.sends && allowed.sends && remoteIsReachable, receives: wanted.receives && allowed.receives)
    }

    /// `a=rtpmap` and `a=fmtp` of a codec under a payload type.
    static func attributes(of codec: CodecName, payloadType: UInt8) -> [SDPAttribute] {
        var attributes = [
            SDPAttribute(written: "rtpmap:\(payloadType) \(codec.encoding)/\(codec.clockRate)\(codec == .opus ? "/2" : "")")
        ]
        if codec == .opus {
            // RFC 7587 §6.1: we play and send one channel at 16 kHz and repair losses from in-band FEC.
            attributes.append(SDPAttribute(written: "fmtp:\(payloadType) minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0"))
        }
        return attributes
    }

    static func attributes(of event: TelephoneEvent) -> [SDPAttribute] {
        [
            SDPAttribute(written: "rtpmap:\(event.payloadType) telephone-event/\(event.clockRate)"),
            SDPAttribute(written: "fmtp:\(event.payloadType) 0-16"),
        ]
    }

    static func comfortNoiseAttribute(_ payloadType: UInt8) -> SDPAttribute { SDPAttribute(written: "rtpmap:\(payloadType) CN/8000") }

    /// What we send, and the most that we want to receive.
    static func packetTimes(_ packetTime: UInt16) -> [SDPAttribute] {
        [SDPAttribute(written: "ptime:\(packetTime)"), SDPAttribute(written: "maxptime:60")]
    }

    /// `a=rtcp` only when it is not the port above RTP's (RFC 3605 §2.1).
    static func rtcpAttributes(local: LocalMedia, multiplexes: Bool) -> [SDPAttribute] {
        if multiplexes { return [SDPAttribute("rtcp-mux")] }
        let usual = local.address.port == .max ? UInt16.max : local.address.port + 1
        return local.rtcpPort == usual ? [] : [SDPAttribute(written: "rtcp:\(local.rtcpPort)")]
    }

    static func origin(_ local: LocalMedia, version: UInt64) -> SDPOrigin {
        let connection = SDPConnection(local.address)
        return SDPOrigin(
            sessionID: local.sessionID, version: version, addressType: connection.addressType, address: connection.address)
    }

    /// `description` under the next version after `previous`, or as it was when nothing else changed (RFC 3264 §8).
    static func versioned(_ description: SessionDescription, after previous: SessionDescription?) -> (SessionDescription, changed: Bool) {
        guard let previous else { return (description, true) }
        var next = description
        next.origin = previous.origin
        if next == previous { return (previous, false) }
        next.origin.version = previous.origin.version &+ 1
        return (next, true)
    }
}
