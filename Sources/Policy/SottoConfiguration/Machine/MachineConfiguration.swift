public import Policy
public import SottoBase

/// What this machine is and has: the part of the configuration that is no policy. Sockets, threads and databases are made from it at
/// start and live outside the value that a reload swaps.
public struct MachineConfiguration: Hashable, Sendable {
    public let name: String
    public let region: Region
    /// At least one.
    public let listeners: [SIPListener]
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
    public let clientCertificates: ClientCertificates
    public let minimumTLS: MinimumTLS
    public let location: SourceLocation

    /// What the socket was opened with: where it is, and what peers are told of it.
    var addresses: String {
        "\(name) \(bind.hostReference):\(bind.port) \(advertisedHost):\(advertisedPort.map(String.init) ?? "-")"
    }
}

public struct MediaSettings: Hashable, Sendable {
    /// Port 0: the range counts.
    public let bind: PeerAddress
    /// For SDP; never an unspecified address.
    public let advertise: PeerAddress
    /// First is even, last is odd.
    public let ports: ClosedRange<UInt16>
    /// nil: one for each core.
    public let threads: Int?
    /// 40 to 120.
    public let guardMilliseconds: Int
    public let timeout: Duration
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
