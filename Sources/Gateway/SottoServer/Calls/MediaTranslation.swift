internal import Audio
internal import Calls
internal import MediaPlane
internal import SDP
internal import SRTP
internal import SottoBase
internal import SottoTLS

// Signaling's words for media turned into the media plane's: neither knows the other.

extension NegotiatedMedia {
    var settings: MediaSettings {
        MediaSettings(
            remote: remoteAddress, remoteRTCPPort: remoteRTCPPort, rtcpMux: multiplexesRTCP, direction: planeDirection,
            codec: codec.name.audioCodec, payloadType: codec.payloadType, telephoneEvent: telephoneEvent?.payloadType,
            telephoneEventClockRate: Int(telephoneEvent?.clockRate ?? 8_000), comfortNoise: comfortNoise,
            packetMilliseconds: Int(packetTime), keying: keying.planeKeying)
    }
}

extension NegotiatedKeying {
    fileprivate var planeKeying: MediaPlane.MediaKeying {
        switch self {
        case .sdes(let remote, let localKey):
            // Ours is announced without a lifetime and an identifier: the suite's own limit holds.
            .sdes(
                SDESKeys(profile: remote.suite.profile, localKey: localKey, remoteKey: remote.key, remoteTerms: remote.planeTerms))
        case .dtls(let agreement):
            .dtls(
                DTLSKeying(
                    role: agreement.role == .active ? .active : .passive,
                    remoteFingerprints: agreement.remoteFingerprints.map { MediaFingerprint(hash: $0.hash.planeHash, bytes: $0.bytes) },
                    generation: agreement.generation))
        }
    }
}

extension CryptoAttribute {
    /// RFC 4568 §6.1. An identifier that cannot be (a value beyond its length) is none: packets with it would not be opened.
    var planeTerms: SRTPKeyTerms {
        SRTPKeyTerms(lifetime: lifetime, identifier: mki.flatMap { SRTPKeyIdentifier(value: $0.value, length: Int($0.length)) })
    }
}

extension CertificateFingerprint.Hash {
    fileprivate var planeHash: MediaFingerprint.Hash {
        switch self {
        case .sha256: .sha256
        case .sha384: .sha384
        case .sha512: .sha512
        }
    }
}

extension CodecName {
    var audioCodec: AudioCodec {
        switch self {
        case .pcmu: .pcmu
        case .pcma: .pcma
        case .opus: .opus
        case .g722: .g722
        }
    }
}

extension NegotiatedMedia {
    fileprivate var planeDirection: MediaPlane.MediaDirection {
        switch direction {
        case .sendrecv: .sendReceive
        case .sendonly: .sendOnly
        case .recvonly: .receiveOnly
        case .inactive: .inactive
        }
    }
}

extension SRTPSuite {
    /// Only suites that the policy can name are ever negotiated.
    var profile: SRTPProfile {
        switch self {
        case .aeadAES256GCM: .aeadAES256GCM
        case .aeadAES128GCM: .aeadAES128GCM
        case .aesCM128HMACSHA1_80: .aes128CMSHA1_80
        case .aesCM128HMACSHA1_32: .aes128CMSHA1_32
        case .aes256CMHMACSHA1_80: .aes256CMSHA1_80
        case .aes256CMHMACSHA1_32: preconditionFailure("a suite that no policy can name was negotiated")
        }
    }
}

extension MediaStatistics {
    var summary: CallMediaSummary {
        CallMediaSummary(
            packetsReceived: packetsReceived, packetsSent: packetsSent, packetsLost: packetsLost, unauthenticated: unauthenticated,
            digits: digits, jitterMicroseconds: jitterMicroseconds, roundTripMicroseconds: roundTripMicroseconds)
    }
}
