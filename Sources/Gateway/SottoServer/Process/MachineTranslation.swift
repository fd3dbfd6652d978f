internal import Calls
internal import Foundation
internal import MediaPlane
internal import NIOCore
internal import Policy
internal import SDP
internal import SIPSessions
internal import SIPTransport
internal import SottoBase
internal import SottoConfiguration
internal import SottoCrypto
internal import SottoTLS

// The configuration's words turned into each part's own settings.

extension MachineConfiguration {
    func callsConfiguration(_ identity: DTLSIdentity?) -> CallsConfiguration {
        var configuration = CallsConfiguration(
            media: media.ranges.enumerated().map { .init(range: $0.offset, advertised: $0.element.advertise.bytes) })
        configuration.warningAgent = name
        configuration.dtlsFingerprint = identity.flatMap { CertificateFingerprint(bytes: $0.fingerprint.bytes) }
        configuration.refusesCallsWithoutStorage = storage.onFull == .refuseCalls
        return configuration
    }

    func planeConfiguration(_ identity: DTLSIdentity?) -> MediaPlaneConfiguration {
        MediaPlaneConfiguration(
            threads: media.threads ?? ProcessInfo.processInfo.activeProcessorCount,
            ranges: media.ranges.map {
                MediaPortRange(bind: $0.bind.bytes, first: media.ports.lowerBound, last: media.ports.upperBound, dscp: media.dscp)
            }, identity: identity)
    }
}

extension DNSSettings {
    var resolver: NameResolver.Configuration {
        var configuration = NameResolver.Configuration()
        configuration.servers = servers
        configuration.attemptTimeout = timeout
        configuration.attempts = attempts
        configuration.maximumLifetime = longestCache
        return configuration
    }
}

extension SIPEndpointConfiguration {
    /// With the hash functions that digest authentication needs.
    func withDigests() -> SIPEndpointConfiguration {
        var configuration = self
        configuration.digestHashes = DigestHashes(
            sha256: { MessageDigest.sha256.hash($0, into: $1) }, sha512_256: { MessageDigest.sha512_256.hash($0, into: $1) },
            md5: { MessageDigest.dangerMD5.hash($0, into: $1) })
        return configuration
    }
}

extension SottoConfiguration.SIPListener {
    func transportListener(_ served: ServedTLSContext) -> SIPTransport.SIPListener {
        SIPTransport.SIPListener(
            bindAddress: bind.host, port: bind.port, advertisedHost: advertisedHost, advertisedPort: advertisedPort, context: served,
            dscp: dscp)
    }
}

extension PeerAddress {
    /// `192.0.2.1` or `2001:db8::1`, without brackets.
    var host: String {
        let text = hostReference
        return text.hasPrefix("[") ? String(text.dropFirst().dropLast()) : text
    }

    /// `192.0.2.1:5061`, `[2001:db8::1]:5061`.
    var text: String { "\(hostReference):\(port)" }
}
