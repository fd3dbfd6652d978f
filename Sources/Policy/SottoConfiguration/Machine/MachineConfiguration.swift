public import Policy
public import SottoBase

/// What this machine is and has: the part of the configuration that is no policy. Sockets, threads and databases are made from it at
/// start and live outside the value that a reload swaps.
public struct MachineConfiguration: Hashable, Sendable {
    public let name: String
    public let region: Region
    /// At least one.
    public let listeners: [SIPListener]
    /// How this machine calls out, whatever the trunk.
    public let outbound: OutboundSettings
    public let dns: DNSSettings
    public let media: MediaSettings
    public let storage: StorageSettings
    public let keys: KeySettings
    public let adminSocket: String
    public let log: LogSettings
    public let speech: SpeechSettings

    /// The tables whose change a running daemon cannot take over: a reload says so and keeps the old ones.
    public func needsRestart(comparedTo running: MachineConfiguration) -> [String] {
        var result: [String] = []
        if name != running.name { result.append("[machine] name") }
        if listeners.map(\.addresses) != running.listeners.map(\.addresses) {
            result.append("[[sip.listener]] bind, port and advertise")
        }
        if listeners.map(\.dscp) != running.listeners.map(\.dscp) { result.append("[[sip.listener]] dscp") }
        if dns != running.dns { result.append("[dns]") }
        if media != running.media { result.append("[media]") }
        if storage.paths != running.storage.paths { result.append("[storage] paths") }
        if storage.onFull != running.storage.onFull { result.append("[storage] on-full") }
        // What they say and not where they stand: a line more above them changes nothing.
        if keys.provider != running.keys.provider || keys.rootKey != running.keys.rootKey { result.append("[keys]") }
        if adminSocket != running.adminSocket { result.append("[admin] socket") }
        if log != running.log { result.append("[log]") }
        if speech.facts != running.speech.facts { result.append("[speech]") }
        return result
    }
}

/// A TLS port for SIP.
public struct SIPListener: Hashable, Sendable {
    public enum ClientCertificates: String, Hashable, Sendable, CaseIterable {
        case none, optional, required
    }

    public enum MinimumTLS: String, Hashable, Sendable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    public let name: String
    /// Port 0: any free one.
    public let bind: PeerAddress
    /// Host for Via and Contact: an address (IPv6 in brackets) or a name; never an unspecified address.
    public let advertisedHost: String
    /// nil: the port that is bound.
    public let advertisedPort: UInt16?
    public let certificate: FileReference
    public let key: FileReference
    public let clientCA: FileReference?
    /// Revoked client certificates (PEM), of every authority in `clientCA` that has any.
    public let clientCRL: FileReference?
    public let clientCertificates: ClientCertificates
    /// A DER file with the authority's OCSP answer for `certificate`, sent to who asks for it (RFC 6066 §8).
    public let ocspStaple: FileReference?
    public let minimumTLS: MinimumTLS
    /// Whether returning peers may resume (RFC 5077, RFC 8446 §2.2).
    public let hasSessionTickets: Bool
    /// Code point of the packets, 0 to 63.
    public let dscp: UInt8
    public let location: SourceLocation

    /// What the socket was opened with: where it is, and what peers are told of it.
    var addresses: String {
        "\(name) \(bind.hostReference):\(bind.port) \(advertisedHost):\(advertisedPort.map(String.init) ?? "-")"
    }
}

/// `[sip.outbound]`
public struct OutboundSettings: Hashable, Sendable {
    /// Certificate and key that we show to servers; nil: none. A trunk may have its own.
    public let certificate: FileReference?
    public let key: FileReference?
    /// PEM bundle of the authorities that servers' certificates are checked against; nil: the system's.
    public let serverCA: FileReference?
    /// Revoked server certificates (PEM).
    public let serverCRL: FileReference?
    public let location: SourceLocation
}

/// `[dns]`: who is asked for trunks' servers.
public struct DNSSettings: Hashable, Sendable {
    /// In order, port 53 unless it is written; empty: the system's (resolv.conf).
    public let servers: [PeerAddress]
    /// How long an answer is waited for, 100 ms to 10 s.
    public let timeout: Duration
    /// How often each server is asked, 1 to 5.
    public let attempts: Int
    /// The longest that an answer is kept, whatever its TTL says, 1 s to 1 d.
    public let longestCache: Duration

    public static let standard = DNSSettings(servers: [], timeout: .seconds(2), attempts: 2, longestCache: .seconds(3_600))
}

public struct MediaSettings: Hashable, Sendable {
    /// Where sockets are, and what SDP says of them.
    public struct Range: Hashable, Sendable {
        /// Port 0: `ports` count.
        public let bind: PeerAddress
        /// Of the same family; never an unspecified address.
        public let advertise: PeerAddress
    }

    /// One or two, at most one of each address family. The first is offered when the peer shows no preference.
    public let ranges: [Range]
    /// First is even, last is odd.
    public let ports: ClosedRange<UInt16>
    /// nil: one for each core.
    public let threads: Int?
    /// 40 to 120.
    public let guardMilliseconds: Int
    public let timeout: Duration
    /// Code point of the packets, 0 to 63.
    public let dscp: UInt8
    /// DTLS-SRTP may be agreed, where a trunk's `keying` says so.
    public let hasDTLS: Bool

    /// Of the first range.
    public var bind: PeerAddress { ranges[0].bind }
    public var advertise: PeerAddress { ranges[0].advertise }
}

public struct StorageSettings: Hashable, Sendable {
    public enum OnFull: String, Hashable, Sendable, CaseIterable {
        /// Calls go on, nothing is recorded.
        case `continue`
        case refuseCalls = "refuse-calls"
    }

    public let records: String
    public let audit: String
    public let index: String
    public let onFull: OnFull

    var paths: [String] { [records, audit, index] }
}

public struct KeySettings: Hashable, Sendable {
    public enum Provider: String, Hashable, Sendable, CaseIterable {
        case local
    }

    public let provider: Provider
    public let rootKey: FileReference
    public let location: SourceLocation
}

public struct LogSettings: Hashable, Sendable {
    public enum Level: String, Hashable, Sendable, CaseIterable {
        case error, warning, notice, info, debug, trace
    }

    public enum Format: String, Hashable, Sendable, CaseIterable {
        case text, journal, json
    }

    public let level: Level
    public let format: Format
}

public struct SpeechSettings: Hashable, Sendable {
    public enum Voice: String, Hashable, Sendable, CaseIterable {
        case slt, kal, kal16, awb, rms
    }

    /// A provider that runs as a process of its own.
    public struct ExternalProvider: Hashable, Sendable {
        public let provider: SpeechProvider
        /// The program by its absolute path, then its arguments.
        public let command: [String]
    }

    public let threads: Int
    /// Folder of PocketSphinx's acoustic model; nil: Debian's.
    public let model: String?
    public let voice: Voice
    public let external: [ExternalProvider]

    /// Everything but the places in the file.
    var facts: [[String]] {
        [["\(threads)", model ?? "", voice.rawValue]]
            + external.map { ["\($0.provider.name)", $0.provider.service.rawValue, "\($0.provider.boundary)"] + $0.command }
    }
}
