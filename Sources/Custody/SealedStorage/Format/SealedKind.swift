public import Keys
public import SottoBase

/// What a sealed body holds.
public enum SealedKind: String, Hashable, Sendable, CaseIterable {
    /// Encoded frames of one leg.
    case audio
    /// Masked lines, with speaker and times.
    case transcript
    /// What happened in the call, an event a line.
    case events
    /// The call record: one document.
    case record
    /// What was asked and answered before anything was kept.
    case consent
    /// Salts and values of the audit log's commitments, shreddable.
    case openings

    /// Whose key it is sealed under; the class's key file lies beside the bodies.
    public var keyClass: KeyClass {
        switch self {
        case .audio: .audio
        case .transcript: .transcript
        case .events, .record, .consent: .analytics
        case .openings: .audit
        }
    }
}

/// One body within a call: `audio.caller.0`.
public struct SealedObjectName: Hashable, Sendable, CustomStringConvertible, Comparable {
    public var kind: SealedKind
    /// Audio only.
    public var leg: Speaker?
    /// Counts from 0: a change of codec within a call starts a new part.
    public var part: UInt16

    public init(kind: SealedKind, leg: Speaker? = nil, part: UInt16 = 0) {
        self.kind = kind
        self.leg = leg
        self.part = part
    }

    public var description: String { [kind.rawValue, leg?.name, String(part)].compactMap(\.self).joined(separator: ".") }

    /// Reads what `description` wrote; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard let kind = parts.first.flatMap({ SealedKind(rawValue: String($0)) }), let part = parts.last.flatMap({ UInt16($0) }) else {
            return nil
        }
        var leg: Speaker?
        if parts.count == 3 {
            leg = Speaker.allCases.first { $0.name == parts[1] }
            if leg == nil { return nil }
        }
        self.init(kind: kind, leg: leg, part: part)
        guard description == String(text) else { return nil }
    }

    public static func < (a: SealedObjectName, b: SealedObjectName) -> Bool { a.description < b.description }
}

extension Speaker {
    /// The name in file names, headers and lines.
    public var name: String {
        switch self {
        case .caller: "caller"
        case .agent: "agent"
        }
    }
}

/// Where a call's objects lie: `records/TENANT/YYYY/MM/DD/CALL/`.
public struct CallPlace: Hashable, Sendable {
    public var tenant: TenantName
    public var call: CallID
    /// The call's start; its UTC date is part of the path.
    public var started: WallTime

    public init(tenant: TenantName, call: CallID, started: WallTime) {
        self.tenant = tenant
        self.call = call
        self.started = started
    }

    /// Below a class's root.
    public var path: String {
        let (year, month, day) = started.date
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
        return "records/\(tenant)/\(year)/\(two(month))/\(two(day))/\(call)"
    }
}

/// The terms under which a call's content is kept, written into every header.
public struct RecordTerms: Hashable, Sendable {
    public var policyVersion: String
    public var redactionVersion: String
    /// The retention rule's name, `30d`.
    public var retention: String
    /// The consent that allows it: the grant's basis and rule, or why none is needed.
    public var consent: String

    public init(policyVersion: String, redactionVersion: String, retention: String, consent: String) {
        self.policyVersion = policyVersion
        self.redactionVersion = redactionVersion
        self.retention = retention
        self.consent = consent
    }
}
