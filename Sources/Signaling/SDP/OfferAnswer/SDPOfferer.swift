internal import SottoBase

/// Makes offers (for an INVITE that came without one, for re-offers and for calls of our own) and reads their answers.
public enum SDPOfferer {
    /// One audio line over SRTP with all allowed codecs: for SDES all allowed suites with a key of its own for each (RFC 4568 §6.1), for
    /// DTLS our fingerprint (RFC 8842 §5.2).
    ///
    /// - Parameter previous: what holds now. Its number of `m=` lines is kept (RFC 3264 §8), others stay refused, and the version rises by
    ///   one if anything changed. The way of keying stays; our key stays while our address does, and is never offered again from another
    ///   one (RFC 4568 §7.1.4).
    public static func makeOffer(
        capabilities: MediaCapabilities, local: LocalMedia, previous: NegotiatedMedia? = nil
    ) -> SessionDescription {
        var attributes: [SDPAttribute] = []
        var cryptos: [CryptoAttribute] = []
        let method = method(capabilities, local, previous)
        if method == .dtls, let own = local.dtls {
            attributes = DTLSSelection.offered(own, previous: previous)
        } else {
            for suite in capabilities.suites {
                guard let key = key(suite, local, previous) else { continue }
                cryptos.append(CryptoAttribute(tag: UInt32(cryptos.count + 1), suite: suite, key: key))
            }
        }
        var formats: [WireText] = []
        for codec in capabilities.codecs {
            // In a re-offer a codec keeps the number it has (§8.3.2).
            let payloadType = previous.flatMap { $0.codec.name == codec ? $0.codec.payloadType : nil } ?? freeType(codec, previous)
            formats.append(WireText("\(payloadType)"))
            attributes += MediaSelection.attributes(of: codec, payloadType: payloadType)
        }
        if capabilities.comfortNoise, capabilities.codecs.contains(where: { $0.clockRate == 8000 }) {
            let payloadType = previous?.comfortNoise ?? 13
            formats.append(WireText("\(payloadType)"))
            attributes.append(MediaSelection.comfortNoiseAttribute(payloadType))
        }
        if capabilities.telephoneEvents {
            for event in offeredEvents(capabilities, previous) {
                formats.append(WireText("\(event.payloadType)"))
                attributes += MediaSelection.attributes(of: event)
            }
        }
        attributes += MediaSelection.packetTimes(min(max(capabilities.packetTime, 10), 60))
        attributes += MediaSelection.rtcpAttributes(local: local, multiplexes: false)
        if capabilities.multiplexesRTCP { attributes.append(SDPAttribute("rtcp-mux")) }
        attributes.append(SDPAttribute(WireText(local.direction.name.description)))

        let transport = previous?.localLine?.transport ?? (method == .dtls ? .dtlsSAVP : .rtpSAVP)
        let audio = MediaDescription(
            kind: "audio", port: local.address.port, transport: transport, formats: formats, attributes: attributes, cryptos: cryptos)
        var media = [audio]
        if let previous, previous.localLine != nil {
            media = previous.local.media.enumerated().map { index, line in
                if index == previous.mediaIndex { return audio }
                return MediaDescription(kind: line.kind, port: 0, transport: line.transport, formats: Array(line.formats.prefix(1)))
            }
        }
        return MediaSelection.versioned(
            SessionDescription(
                origin: MediaSelection.origin(local, version: local.version), connection: SDPConnection(local.address), media: media),
            after: previous?.local
        ).0
    }

    /// The way that holds, else our first that is possible.
    private static func method(_ capabilities: MediaCapabilities, _ local: LocalMedia, _ previous: NegotiatedMedia?) -> KeyingMethod {
        switch previous?.keying {
        case .sdes?: .sdes
        case .dtls?: .dtls
        case nil: capabilities.keying.first { $0 == .sdes || local.dtls != nil } ?? .sdes
        }
    }

    private static func key(_ suite: SRTPSuite, _ local: LocalMedia, _ previous: NegotiatedMedia?) -> SecretBytes? {
        let fresh = local.keys[suite].flatMap { $0.count == suite.keyingLength ? $0 : nil }
        guard let previous, case .sdes(let remote, let key) = previous.keying, remote.suite == suite else { return fresh }
        if previous.localAddress == local.address { return key }
        return fresh == key ? nil : fresh
    }

    /// What the peer's answer makes of our `offer`. A refused answer ends the session: there is nothing to fall back to.
    public static func accept(
        answer: SessionDescription, to offer: SessionDescription, capabilities: MediaCapabilities, previous: NegotiatedMedia? = nil
    ) -> Result<NegotiatedMedia, OfferRefusal> {
        guard answer.media.count == offer.media.count,
            let index = offer.media.firstIndex(where: { $0.port != 0 && $0.kind.equalsIgnoringCase("audio") })
        else { return .failure(.answerMismatch) }
        let offered = offer.media[index]
        let media = answer.media[index]
        guard media.kind.equalsIgnoringCase("audio"), media.port != 0 else { return .failure(.noAudio) }
        guard media.transport == offered.transport, media.transport.isSecureRTP || media.transport.isDTLS else {
            return .failure(.notSecure)
        }

        let multiplexes = media.multiplexesRTCP && offered.multiplexesRTCP
        // RFC 5761 §4: a peer that multiplexes cannot be sent what looks like RTCP.
        let payloads = media.payloads.filter { !multiplexes || !MediaSelection.looksLikeRTCP($0.payloadType) }
        guard var codec = MediaSelection.codec(in: payloads, allowed: capabilities.codecs),
            let ours = MediaSelection.codec(in: offered.payloads, allowed: [codec.name])
        else { return .failure(.noCommonCodec) }
        // RFC 3264 §6.1: each side receives under the number that it wrote itself.
        codec.payloadType = ours.payloadType
        let remote: (rtp: PeerAddress?, rtcp: PeerAddress?)
        switch MediaSelection.addresses(of: media, in: answer, multiplexed: multiplexes) {
        case .failure(let reason): return .failure(reason)
        case .success(let addresses): remote = addresses
        }
        let keying: NegotiatedKeying
        switch acceptedKeying(media, answer, offered, offer, capabilities, remote.rtp, previous) {
        case .failure(let reason): return .failure(reason)
        case .success(let agreed): keying = agreed
        }
        var event: TelephoneEvent?
        if let theirs = MediaSelection.telephoneEvent(in: payloads, clockRate: codec.clockRate) {
            event = offered.payloads.first { $0.encoding.equalsIgnoringCase("telephone-event") && $0.clockRate == theirs.clockRate }
                .map { TelephoneEvent(payloadType: $0.payloadType, clockRate: $0.clockRate) }
        }
        let noise = capabilities.comfortNoise ? MediaSelection.comfortNoise(in: payloads, clockRate: codec.clockRate) : nil
        let direction = MediaSelection.direction(
            wanted: offer.direction(of: offered), remote: answer.direction(of: media), remoteIsReachable: remote.rtp != nil)
        return .success(
            NegotiatedMedia(
                local: offer, mediaIndex: index, codec: codec, telephoneEvent: event,
                comfortNoise: noise.flatMap { _ in MediaSelection.comfortNoise(in: offered.payloads, clockRate: codec.clockRate) },
                keying: keying, remoteAddress: remote.rtp, remoteRTCPAddress: remote.rtcp, multiplexesRTCP: multiplexes,
                direction: direction,
                packetTime: MediaSelection.packetTime(of: media, codec: codec.name, preferred: capabilities.packetTime),
                isChanged: previous.map { $0.local != offer } ?? true))
    }

    private static func acceptedKeying(
        _ media: MediaDescription, _ answer: SessionDescription, _ offered: MediaDescription, _ offer: SessionDescription,
        _ capabilities: MediaCapabilities, _ remote: PeerAddress?, _ previous: NegotiatedMedia?
    ) -> Result<NegotiatedKeying, OfferRefusal> {
        if offered.cryptos.isEmpty, !CertificateFingerprint.usable(offered, in: offer).isEmpty {
            let local = offer.connection(of: offered)?.peerAddress(port: offered.port)
            guard
                let agreement = DTLSSelection.accept(
                    media, in: answer, to: offered, of: offer, local: local, remoteAddress: remote, previous: previous)
            else { return .failure(.noFingerprint) }
            return .success(.dtls(agreement))
        }
        // RFC 4568 §7.1.3: exactly one line, with a tag of ours and that tag's suite.
        guard media.cryptos.count == 1, let crypto = media.cryptos.first, crypto.mki == nil || capabilities.allowsMKI else {
            return .failure(.noCommonSuite)
        }
        guard let own = offered.cryptos.first(where: { $0.tag == crypto.tag }), own.suite == crypto.suite else {
            return .failure(.answerMismatch)
        }
        return .success(.sdes(remote: crypto, localKey: own.key))
    }

    /// The codec's usual number, or the first dynamic one that the previous description gives to nothing else.
    private static func freeType(_ codec: CodecName, _ previous: NegotiatedMedia?) -> UInt8 {
        guard codec.offeredPayloadType >= 96, let previous else { return codec.offeredPayloadType }
        let taken = Set([previous.codec.payloadType] + (previous.telephoneEvent.map { [$0.payloadType] } ?? []))
        return (96...127).first { !taken.contains($0) && $0 != 101 && $0 != 102 } ?? codec.offeredPayloadType
    }

    /// 101 at 8000 Hz and, with Opus, 102 at 48,000 (RFC 4733 §2.1: the clock is the codec's).
    private static func offeredEvents(_ capabilities: MediaCapabilities, _ previous: NegotiatedMedia?) -> [TelephoneEvent] {
        var events: [TelephoneEvent] = []
        let clocks = Set(capabilities.codecs.map(\.clockRate)).sorted()
        var taken = Set(capabilities.codecs.map { codec in
            previous.flatMap { $0.codec.name == codec ? $0.codec.payloadType : nil } ?? freeType(codec, previous)
        })
        if let previous, let event = previous.telephoneEvent { taken.insert(event.payloadType) }
        for clock in clocks {
            if let event = previous?.telephoneEvent, event.clockRate == clock {
                events.append(event)
                continue
            }
            guard let number = ([101, 102] + Array(96...127)).map({ UInt8($0) }).first(where: { !taken.contains($0) }) else { continue }
            taken.insert(number)
            events.append(TelephoneEvent(payloadType: number, clockRate: clock))
        }
        return events
    }
}
