internal import Policy
internal import SDP
internal import SIPMessages
internal import SottoBase

/// A session description that came with a request, read once.
struct SDPOffer: Equatable, Sendable {
    enum Content: Equatable, Sendable {
        case description(SessionDescription)
        /// The body is of another type, or holds a part that must be understood and is not.
        case otherType
        /// What rule it breaks; harmless to log.
        case malformed(String)
    }

    let content: Content

    /// nil when the message has no body: the peer wants our offer, or gives no answer. A description may be one part of several, as
    /// carriers send it beside ISUP or a location (RFC 5621 §3).
    init?(_ message: some SIPMessageFields) {
        switch message.sessionBody {
        case .none: return nil
        case .unsupported: content = .otherType
        case .malformed: content = .malformed("the multipart body cannot be taken apart")
        case .description(let body):
            do throws(SDPParseError) {
                content = .description(try SessionDescription.parse(body.sdpChunks))
            } catch {
                content = .malformed(error.description)
            }
        }
    }

    /// The family of the first audio line's address; nil when there is no such line or address.
    var wantsIPv6: Bool? {
        guard case .description(let description) = content,
            let audio = description.media.first(where: { $0.kind.equalsIgnoringCase("audio") && $0.port != 0 }),
            let connection = description.connection(of: audio)
        else { return nil }
        return connection.addressType.equalsIgnoringCase("IP6")
    }
}

/// Our end of a call's media: address, port, and for the moment of a negotiation a key for each suite that may be chosen.
struct LocalSession: Equatable, Sendable {
    private(set) var media: LocalMedia
    /// Of the certificate that the media side shows; nil: no DTLS.
    private let fingerprint: CertificateFingerprint?

    init(
        address: CallsConfiguration.MediaAddress, port: UInt16, fingerprint: CertificateFingerprint? = nil,
        entropy: inout some RandomNumberGenerator
    ) {
        self.fingerprint = fingerprint
        guard let local = PeerAddress(bytes: address.advertised, port: port) else {
            preconditionFailure("an advertised media address has 4 or 16 bytes")
        }
        media = LocalMedia(address: local, sessionID: entropy.next() >> 2, keys: [:])
    }

    /// With a new key for each of `suites`: whatever is negotiated next may need one that no peer has seen (RFC 4568 §7.1.4). The keys
    /// live as long as the value that is returned.
    func withFreshKeys(for suites: [SRTPSuite], _ entropy: inout some RandomNumberGenerator) -> LocalMedia {
        var fresh = media
        for suite in suites { fresh.keys[suite] = Self.key(suite.keyingLength, &entropy) }
        if let fingerprint {
            // RFC 8842 §4: at least 20 characters by chance; 32 hexadecimal digits are 128 bits.
            let digits = [entropy.next() as UInt64, entropy.next() as UInt64].flatMap { word in
                (0..<16).map { Array("0123456789abcdef".utf8)[Int(truncatingIfNeeded: word >> UInt64($0 * 4)) & 15] }
            }
            fresh.dtls = LocalDTLS(fingerprint: fingerprint, associationID: WireText(digits))
        }
        return fresh
    }

    private static func key(_ count: Int, _ entropy: inout some RandomNumberGenerator) -> SecretBytes {
        SecretBytes(count: count) { target in
            var offset = 0
            while offset < count {
                let word = entropy.next()
                for shift in 0..<min(8, count - offset) {
                    target[offset + shift] = UInt8(truncatingIfNeeded: word >> UInt64(shift * 8))
                }
                offset += 8
            }
        }
    }
}

extension SIPBody {
    init(sdp: SessionDescription) {
        self.init(
            chunks: sdp.chunks().map { chunk in
                switch chunk {
                case .bytes(let bytes): .bytes(bytes)
                case .secret(let secret): .secret(secret)
                }
            })
    }

    var sdpChunks: [SDPChunk] {
        chunks.map { chunk in
            switch chunk {
            case .bytes(let bytes): .bytes(bytes)
            case .secret(let secret): .secret(secret)
            }
        }
    }
}

extension MediaSuite {
    var negotiable: SRTPSuite {
        switch self {
        case .aeadAES256GCM: .aeadAES256GCM
        case .aeadAES128GCM: .aeadAES128GCM
        case .aes256CMSHA1_80: .aes256CMHMACSHA1_80
        case .aes128CMSHA1_80: .aesCM128HMACSHA1_80
        case .aes128CMSHA1_32: .aesCM128HMACSHA1_32
        }
    }
}

extension MediaCodec {
    var negotiable: CodecName {
        switch self {
        case .g722: .g722
        case .opus: .opus
        case .pcmu: .pcmu
        case .pcma: .pcma
        }
    }
}

extension NegotiatedMedia {
    /// The same with no key but the one that was chosen: an offer of ours holds one for each suite.
    func keepingOneKey() -> NegotiatedMedia {
        var kept = self
        guard kept.local.media.indices.contains(mediaIndex) else { return kept }
        kept.local.media[mediaIndex].cryptos.removeAll { $0.key != localKey }
        return kept
    }

    /// True when the media session that runs with `other` need not change to run with this.
    func isSameMedia(as other: NegotiatedMedia) -> Bool { changes(since: other).isEmpty }
}
