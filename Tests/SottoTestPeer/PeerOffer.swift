internal import Foundation
public import Audio
public import SRTP

/// What a peer's session description says, written and read by hand.
public struct PeerOffer: Sendable {
    public struct Suite: Sendable {
        public let profile: SRTPProfile
        public var key: [UInt8]

        public init(_ profile: SRTPProfile) {
            self.profile = profile
            key = (0..<profile.keyAndSaltLength).map { _ in UInt8.random(in: 0...255) }
        }
    }

    public var suites: [Suite]
    public var codec: AudioCodec
    public var transport = "RTP/SAVP"
    public var direction = "sendrecv"
    public var payloadType: UInt8
    public var telephoneEvent: UInt8 = 101
    /// Lines that are put before the others of the media block.
    public var extraLines: [String] = []
    public var version = 1

    public init(_ profiles: [SRTPProfile] = [.aeadAES256GCM], codec: AudioCodec = .pcmu) {
        suites = profiles.map(Suite.init)
        self.codec = codec
        payloadType =
            switch codec {
            case .pcmu: 0
            case .pcma: 8
            case .opus: 111
            case .g722: 9
            }
    }

    private var mapping: String {
        switch codec {
        case .pcmu: "PCMU/8000"
        case .pcma: "PCMA/8000"
        case .opus: "opus/48000/2"
        case .g722: "G722/8000"
        }
    }

    func text(port: UInt16) -> String {
        var lines = [
            "v=0", "o=- 4711 \(version) IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0",
            "m=audio \(port) \(transport) \(payloadType) \(telephoneEvent)",
        ]
        lines += extraLines
        for (index, suite) in suites.enumerated() {
            lines.append("a=crypto:\(index + 1) \(suite.profile.wireName) inline:\(Data(suite.key).base64EncodedString())")
        }
        lines += [
            "a=rtpmap:\(payloadType) \(mapping)", "a=rtpmap:\(telephoneEvent) telephone-event/\(codec.clockRate)",
            "a=fmtp:\(telephoneEvent) 0-15", "a=ptime:20", "a=rtcp-mux", "a=\(direction)",
        ]
        return lines.map { $0 + "\r\n" }.joined()
    }
}

/// What the daemon's answer says, or its offer: then the first of its crypto lines and codecs.
public struct PeerAnswer: Sendable {
    public let port: UInt16
    public let profile: SRTPProfile
    /// Which of the offered crypto lines was taken.
    public let tag: Int
    public let key: [UInt8]
    public let payloadType: UInt8
    /// Payload type and clock rate of each `telephone-event`.
    public let telephoneEvents: [(payloadType: UInt8, clockRate: Int)]
    public let direction: String
    public let text: String

    public init?(_ body: String) {
        text = body
        let lines = body.split(separator: "\r\n").map(String.init)
        guard let media = lines.first(where: { $0.hasPrefix("m=audio ") })?.dropFirst(8).split(separator: " "), media.count >= 3,
            let port = UInt16(media[0]), let payloadType = UInt8(media[2]),
            let crypto = lines.first(where: { $0.hasPrefix("a=crypto:") })?.dropFirst(9).split(separator: " "), crypto.count >= 3,
            let tag = Int(crypto[0]), let profile = SRTPProfile.allCases.first(where: { $0.wireName == crypto[1] }),
            crypto[2].hasPrefix("inline:"), let inline = crypto[2].dropFirst(7).split(separator: "|").first,
            let key = Data(base64Encoded: String(inline))
        else { return nil }
        self.port = port
        self.payloadType = payloadType
        self.profile = profile
        self.tag = tag
        self.key = Array(key)
        telephoneEvents = lines.compactMap { line in
            guard line.hasPrefix("a=rtpmap:"), line.contains(" telephone-event/") else { return nil }
            let parts = line.dropFirst(9).split(whereSeparator: { $0 == " " || $0 == "/" })
            guard parts.count == 3, let type = UInt8(parts[0]), let rate = Int(parts[2]) else { return nil }
            return (type, rate)
        }
        direction = ["sendonly", "recvonly", "inactive"].first { lines.contains("a=\($0)") } ?? "sendrecv"
    }
}

extension SRTPProfile {
    /// RFC 4568 §6.2, RFC 6188 §4.3, RFC 7714 §14.2.
    public var wireName: String {
        switch self {
        case .aeadAES256GCM: "AEAD_AES_256_GCM"
        case .aeadAES128GCM: "AEAD_AES_128_GCM"
        case .aes256CMSHA1_80: "AES_256_CM_HMAC_SHA1_80"
        case .aes128CMSHA1_80: "AES_CM_128_HMAC_SHA1_80"
        case .aes128CMSHA1_32: "AES_CM_128_HMAC_SHA1_32"
        }
    }
}
