internal import SottoBase

/// Answers offers (RFC 3264 §6) with SDES keys (RFC 4568 §5.1.2, §7.1.2) or by DTLS (RFC 8842 §5.3), as a pure function.
public enum SDPAnswerer {
    /// Chooses the first audio line over SRTP that has an allowed codec and keys that both can agree on; every other line is refused with
    /// port 0 at its place. A double offer of SAVP and AVP is answered on SAVP alone.
    ///
    /// - Parameters:
    ///   - local: our address, a fresh key for each allowed suite, and for DTLS our certificate's fingerprint.
    ///   - previous: what holds now, for a re-offer. Our key and the session's id stay; the key changes with the suite, the peer's key or
    ///     either side's address (RFC 4568 §7.1.4); the version rises by one if anything changed.
    public static func answer(
        offer: SessionDescription, capabilities: MediaCapabilities, local: LocalMedia, previous: NegotiatedMedia? = nil
    ) -> Result<NegotiatedMedia, OfferRefusal> {
        var refusal = OfferRefusal.noAudio
        for index in offer.media.indices {
            switch choose(offer, index, capabilities, local, previous) {
            case .failure(let reason):
                // The reason of the line that came furthest is the one to tell.
                if reason.rank > refusal.rank { refusal = reason }
            case .success(let choice):
                return .success(write(choice, offer: offer, local: local, previous: previous))
            }
        }
        return .failure(refusal)
    }

    private struct Choice {
        let index: Int
        let codec: NegotiatedCodec
        let telephoneEvent: TelephoneEvent?
        let comfortNoise: UInt8?
        let keying: NegotiatedKeying
        let remote: (rtp: PeerAddress?, rtcp: PeerAddress?)
        let multiplexes: Bool
        let packetTime: UInt16
    }

    private static func choose(
        _ offer: SessionDescription, _ index: Int, _ capabilities: MediaCapabilities, _ local: LocalMedia, _ previous: NegotiatedMedia?
    ) -> Result<Choice, OfferRefusal> {
        let media = offer.media[index]
        guard media.kind.equalsIgnoringCase("audio"), media.port != 0 else { return .failure(.noAudio) }
        let methods = capabilities.keying.filter { isPossible($0, media, local) }
        guard !methods.isEmpty else { return .failure(.notSecure) }
        let payloads = media.payloads
        guard let codec = MediaSelection.codec(in: payloads, allowed: capabilities.codecs) else { return .failure(.noCommonCodec) }
        let event =
            capabilities.telephoneEvents ? MediaSelection.telephoneEvent(in: payloads, clockRate: codec.clockRate) : nil
        let noise = capabilities.comfortNoise ? MediaSelection.comfortNoise(in: payloads, clockRate: codec.clockRate) : nil
        // RFC 5761 §4: on one port these payload types could not be told from RTCP; then RTCP has a port of its own.
        let isTold = [codec.payloadType, event?.payloadType, noise].allSatisfy { $0.map { !MediaSelection.looksLikeRTCP($0) } ?? true }
        let multiplexes = media.multiplexesRTCP && capabilities.multiplexesRTCP && isTold
        let remote: (rtp: PeerAddress?, rtcp: PeerAddress?)
        switch MediaSelection.addresses(of: media, in: offer, multiplexed: multiplexes) {
        case .failure(let reason): return .failure(reason)
        case .success(let addresses): remote = addresses
        }
        var keying: NegotiatedKeying?
        for method in methods where keying == nil {
            switch method {
            case .sdes: keying = sdes(media, capabilities, local, remote.rtp, previous)
            case .dtls:
                keying = DTLSSelection.answer(
                    media, in: offer, local: local, remoteAddress: remote.rtp, previous: previous
                ).map { .dtls($0) }
            }
        }
        guard let keying else { return .failure(methods.contains(.sdes) ? .noCommonSuite : .noFingerprint) }
        return .success(
            Choice(
                index: index, codec: codec, telephoneEvent: event, comfortNoise: noise, keying: keying, remote: remote,
                multiplexes: multiplexes,
                packetTime: MediaSelection.packetTime(of: media, codec: codec.name, preferred: capabilities.packetTime)))
    }

    private static func isPossible(_ method: KeyingMethod, _ media: MediaDescription, _ local: LocalMedia) -> Bool {
        switch method {
        case .sdes: media.transport.isSecureRTP
        // Deviation from RFC 5764 §8: a fingerprint under plain RTP/SAVP(F) without crypto is taken as well (RFC 8829 §5.1.2).
        case .dtls: local.dtls != nil && (media.transport.isDTLS || (media.transport.isSecureRTP && !media.hasCrypto))
        }
    }

    private static func sdes(
        _ media: MediaDescription, _ capabilities: MediaCapabilities, _ local: LocalMedia, _ remote: PeerAddress?,
        _ previous: NegotiatedMedia?
    ) -> NegotiatedKeying? {
        guard let crypto = MediaSelection.crypto(in: media.cryptos, capabilities: capabilities, keys: local.keys),
            let fresh = local.keys[crypto.suite]
        else { return nil }
        return .sdes(remote: crypto, localKey: previous.flatMap { keptKey($0, crypto, remote, local) } ?? fresh)
    }

    /// Our key of before, unless something changed that demands a new one. A hold by address (nil) changes no address.
    private static func keptKey(
        _ previous: NegotiatedMedia, _ crypto: CryptoAttribute, _ remote: PeerAddress?, _ local: LocalMedia
    ) -> SecretBytes? {
        guard case .sdes(let before, let key) = previous.keying, before.suite == crypto.suite, before.key == crypto.key,
            previous.localAddress == local.address
        else { return nil }
        if let old = previous.remoteAddress, let remote, old != remote { return nil }
        return key
    }

    private static func write(
        _ choice: Choice, offer: SessionDescription, local: LocalMedia, previous: NegotiatedMedia?
    ) -> NegotiatedMedia {
        let offered = offer.media[choice.index]
        let direction = MediaSelection.direction(
            wanted: local.direction, remote: offer.direction(of: offered), remoteIsReachable: choice.remote.rtp != nil)

        var cryptos: [CryptoAttribute] = []
        var attributes: [SDPAttribute] = []
        switch choice.keying {
        // §7.1.2: one crypto line, with the offer's tag.
        case .sdes(let remote, let key): cryptos = [CryptoAttribute(tag: remote.tag, suite: remote.suite, key: key)]
        case .dtls(let agreement): attributes = DTLSSelection.answered(agreement)
        }
        attributes += MediaSelection.attributes(of: choice.codec.name, payloadType: choice.codec.payloadType)
        var formats = [WireText("\(choice.codec.payloadType)")]
        if let noise = choice.comfortNoise {
            formats.append(WireText("\(noise)"))
            attributes.append(MediaSelection.comfortNoiseAttribute(noise))
        }
        if let event = choice.telephoneEvent {
            formats.append(WireText("\(event.payloadType)"))
            attributes += MediaSelection.attributes(of: event)
        }
        attributes += MediaSelection.packetTimes(choice.packetTime)
        attributes += MediaSelection.rtcpAttributes(local: local, multiplexes: choice.multiplexes)
        attributes.append(SDPAttribute(WireText(direction.name.description)))

        let answered = MediaDescription(
            kind: "audio", port: local.address.port, transport: offered.transport, formats: formats, attributes: attributes,
            cryptos: cryptos)
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
            comfortNoise: choice.comfortNoise, keying: choice.keying, remoteAddress: choice.remote.rtp,
            remoteRTCPAddress: choice.remote.rtcp, multiplexesRTCP: choice.multiplexes, direction: direction,
            packetTime: choice.packetTime, isChanged: isChanged)
    }
}

extension OfferRefusal {
    /// How far a line came before it was refused.
    fileprivate var rank: Int {
        switch self {
        case .noAudio, .answerMismatch: 0
        case .notSecure: 1
        case .noCommonCodec: 2
        case .noCommonSuite, .noFingerprint: 3
        case .address, .multicast: 4
        }
    }
}
