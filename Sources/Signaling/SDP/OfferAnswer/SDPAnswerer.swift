internal import SottoBase

/// Answers offers (RFC 3264 §6) with SDES keys (RFC 4568 §5.1.2, §7.1.2), as a pure function.
public enum SDPAnswerer {
    /// Chooses the first audio line over RTP/SAVP or RTP/SAVPF that has an allowed codec and a usable suite; every other line is refused
    /// with port 0 at its place. A double offer of SAVP and AVP is answered on SAVP alone.
    ///
    /// - Parameters:
    ///   - local: our address and a fresh key for each allowed suite.
    ///   - previous: what holds now, for a re-offer. Our key and the session's id stay; the key changes with the suite, the peer's key or
    ///     either side's address (RFC 4568 §7.1.4); the version rises by one if anything changed.
    public static func answer(
        offer: SessionDescription, capabilities: MediaCapabilities, local: LocalMedia, previous: NegotiatedMedia? = nil
    ) -> Result<NegotiatedMedia, OfferRefusal> {
        var refusal = OfferRefusal.noAudio
        for index in offer.media.indices {
            switch choose(offer, index, capabilities, local) {
            case .failure(let reason):
                // The reason of the line that came furthest is the one to tell.
                if reason.rank > refusal.rank { refusal = reason }
            case .success(let choice):
                return .success(write(choice, offer: offer, capabilities: capabilities, local: local, previous: previous))
            }
        }
        return .failure(refusal)
    }

    private struct Choice {
        let index: Int
        let codec: NegotiatedCodec
        let telephoneEvent: TelephoneEvent?
        let crypto: CryptoAttribute
        let freshKey: SecretBytes
        let remote: (rtp: PeerAddress?, rtcp: PeerAddress?)
        let multiplexes: Bool
        let packetTime: UInt16
    }

    private static func choose(
        _ offer: SessionDescription, _ index: Int, _ capabilities: MediaCapabilities, _ local: LocalMedia
    ) -> Result<Choice, OfferRefusal> {
        let media = offer.media[index]
        guard media.kind.equalsIgnoringCase("audio"), media.port != 0 else { return .failure(.noAudio) }
        guard media.transport.isSecureRTP else { return .failure(.notSecure) }
        let payloads = media.payloads
        guard let codec = MediaSelection.codec(in: payloads, allowed: capabilities.codecs) else { return .failure(.noCommonCodec) }
        guard let crypto = MediaSelection.crypto(in: media.cryptos, capabilities: capabilities, keys: local.keys),
            let freshKey = local.keys[crypto.suite]
        else { return .failure(.noCommonSuite) }
        let multiplexes = media.multiplexesRTCP && capabilities.multiplexesRTCP
        let remote: (rtp: PeerAddress?, rtcp: PeerAddress?)
        switch MediaSelection.addresses(of: media, in: offer, multiplexed: multiplexes) {
        case .failure(let reason): return .failure(reason)
        case .success(let addresses): remote = addresses
        }
        return .success(
            Choice(
                index: index, codec: codec,
                telephoneEvent: capabilities.telephoneEvents
                    ? MediaSelection.telephoneEvent(in: payloads, clockRate: codec.clockRate) : nil,
                crypto: crypto, freshKey: freshKey, remote: remote, multiplexes: multiplexes,
                packetTime: MediaSelection.packetTime(of: media, codec: codec.name, preferred: capabilities.packetTime)))
    }

    private static func write(
        _ choice: Choice, offer: SessionDescription, capabilities: MediaCapabilities, local: LocalMedia, previous: NegotiatedMedia?
    ) -> NegotiatedMedia {
        let offered = offer.media[choice.index]
        let direction = MediaSelection.direction(
            wanted: local.direction, remote: offer.direction(of: offered), remoteIsReachable: choice.remote.rtp != nil)
        let key = previous.flatMap { keptKey($0, choice, local) } ?? choice.freshKey

        var attributes = MediaSelection.attributes(of: choice.codec.name, payloadType: choice.codec.payloadType)
        var formats = [WireText("\(choice.codec.payloadType)")]
        if let event = choice.telephoneEvent {
            formats.append(WireText("\(event.payloadType)"))
            attributes += MediaSelection.attributes(of: event)
        }
        attributes.append(SDPAttribute("ptime", WireText("\(choice.packetTime)")))
        attributes += MediaSelection.rtcpAttributes(local: local, multiplexes: choice.multiplexes)
        attributes.append(SDPAttribute(WireText(direction.name.description)))

        // §7.1.2: one crypto line, with the offer's tag.
        let answered = MediaDescription(
            kind: "audio", port: local.address.port, transport: offered.transport, formats: formats, attributes: attributes,
            cryptos: [CryptoAttribute(tag: choice.crypto.tag, suite: choice.crypto.suite, key: key)])
        let media = offer.media.enumerated().map { index, media in
            index == choice.index
                ? answered
                : MediaDescription(kind: media.kind, port: 0, transport: media.transport, formats: Array(media.formats.prefix(1)))
        }
        let (description, isChanged) = MediaSelection.versioned(
            SessionDescription(
                origin: MediaSelection.origin(local, version: local.version), connection: SDPConnection(local.address), media: media),
            after: previous?.local)
        return NegotiatedMedia(
            local: description, mediaIndex: choice.index, codec: choice.codec, telephoneEvent: choice.telephoneEvent,
            suite: choice.crypto.suite, remoteCrypto: choice.crypto, localKey: key, remoteAddress: choice.remote.rtp,
            remoteRTCPAddress: choice.remote.rtcp, multiplexesRTCP: choice.multiplexes, direction: direction,
            packetTime: choice.packetTime, isChanged: isChanged)
    }

    /// Our key of before, unless something changed that demands a new one. A hold by address (nil) changes no address.
    private static func keptKey(_ previous: NegotiatedMedia, _ choice: Choice, _ local: LocalMedia) -> SecretBytes? {
        guard previous.suite == choice.crypto.suite, previous.remoteKey == choice.crypto.key, previous.mediaIndex < previous.local.media.count,
            previous.local.media[previous.mediaIndex].port == local.address.port,
            previous.local.connection == SDPConnection(local.address)
        else { return nil }
        if let before = previous.remoteAddress, let now = choice.remote.rtp, before != now { return nil }
        return previous.localKey
    }
}

extension OfferRefusal {
    /// How far a line came before it was refused.
    fileprivate var rank: Int {
        switch self {
        case .noAudio, .answerMismatch: 0
        case .notSecure: 1
        case .noCommonCodec: 2
        case .noCommonSuite: 3
        case .address, .multicast: 4
        }
    }
}
