public import FuzzKit

/// What an input is given to.
public enum ReadersFuzzEntry: String, CaseIterable, Sendable {
    case dns, dtls, configuration, administration, journal, sealed, program

    /// Only in a debug build, where tests may see what these rooms keep to themselves.
    public func run(_ bytes: [UInt8]) -> FuzzFinding? {
        #if DEBUG
            switch self {
            case .dns: fuzzNames(bytes)
            case .dtls: fuzzDTLSRecords(bytes)
            case .configuration: fuzzConfiguration(bytes)
            case .administration: fuzzAdministration(bytes)
            case .journal: fuzzJournal(bytes)
            case .sealed: fuzzSealed(bytes)
            case .program: fuzzProgramLine(bytes)
            }
        #else
            nil
        #endif
    }
}
