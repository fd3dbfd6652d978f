public import FuzzKit

/// What an input is given to.
public enum MediaFuzzEntry: CaseIterable, Sendable {
    case datagram, audio, jitter, dtmfGuard, srtp

    public func run(_ bytes: [UInt8]) -> FuzzFinding? {
        switch self {
        case .datagram: fuzzDatagram(bytes)
        case .audio: fuzzAudio(bytes)
        case .jitter: fuzzJitter(bytes)
        case .dtmfGuard: fuzzGuard(bytes)
        case .srtp: fuzzSRTP(bytes)
        }
    }
}
