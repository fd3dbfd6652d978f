/// Which number an outbound leg shows.
public enum CallerIDRule: Hashable, Sendable {
    /// The caller's own, unless it is withheld.
    case pass
    /// None; a trusted trunk still learns it by P-Asserted-Identity with `Privacy: id`.
    case anonymous
    /// This one, whoever calls.
    case fixed(DialledNumber)
}

/// What a caller asked by `Privacy` (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1).
public struct PrivacyRequest: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let header = PrivacyRequest(rawValue: 1)
    public static let session = PrivacyRequest(rawValue: 2)
    public static let user = PrivacyRequest(rawValue: 4)
    public static let id = PrivacyRequest(rawValue: 8)
    public static let history = PrivacyRequest(rawValue: 16)
    /// The caller wants none, also where we would give some.
    public static let none = PrivacyRequest(rawValue: 32)
    /// The call must fail rather than go on without the privacy that was asked for.
    public static let critical = PrivacyRequest(rawValue: 64)
    /// A value that we do not know was among them.
    public static let unknown = PrivacyRequest(rawValue: 128)

    /// Reads the values of all Privacy fields: tokens without their semicolons, in any case.
    public init(values: some Sequence<some StringProtocol>) {
        self = []
        for value in values {
            switch value.lowercased() {
            case "header": insert(.header)
            case "session": insert(.session)
            case "user": insert(.user)
            case "id": insert(.id)
            case "history": insert(.history)
            case "none": insert(.none)
            case "critical": insert(.critical)
            default: insert(.unknown)
            }
        }
    }

    /// `critical` beside something that we cannot do (RFC 3323 §5: such a request is answered with 500). A back-to-back agent that hides
    /// its inner leg does header and session privacy for every call.
    public var isUnmet: Bool { contains(.critical) && contains(.unknown) }

    /// The caller's number and name are to be shown to nobody outside the trust domain. `header` and `session` ask for Via, Contact and
    /// addresses, which never cross (RFC 3323 §5.1, §5.2).
    public var hidesCaller: Bool { !isDisjoint(with: [.id, .user]) && !contains(.none) }
}

/// Who calls, as far as the inbound trunk told and we believe it.
public struct CallerIdentity: Hashable, Sendable {
    /// nil: withheld or unknown.
    public let number: DialledNumber?
    /// It came by P-Asserted-Identity from a trusted trunk (RFC 3325 §5).
    public let isAsserted: Bool
    public let privacy: PrivacyRequest

    public init(number: DialledNumber?, isAsserted: Bool, privacy: PrivacyRequest = []) {
        self.number = number
        self.isAsserted = isAsserted
        self.privacy = privacy
    }
}

/// What an outbound leg tells about its caller.
public struct ShownIdentity: Hashable, Sendable {
    /// The number in From; nil: `"Anonymous" <sip:anonymous@anonymous.invalid>` (RFC 3323 §4.1.1.3).
    public let from: DialledNumber?
    /// The number in P-Asserted-Identity; nil: no such header.
    public let asserted: DialledNumber?
    /// `Privacy: id` is written.
    public let asksForPrivacy: Bool

    public init(from: DialledNumber?, asserted: DialledNumber?, asksForPrivacy: Bool) {
        self.from = from
        self.asserted = asserted
        self.asksForPrivacy = asksForPrivacy
    }
}

extension TrunkPolicy {
    /// What a call that goes out by this trunk tells about who calls.
    ///
    /// P-Asserted-Identity leaves to a trusted trunk alone, and to one that is not trusted nothing of a caller who asked for privacy
    /// (RFC 3325 §5, §7). A trunk without an outbound part shows nothing.
    public func shownIdentity(of caller: CallerIdentity) -> ShownIdentity {
        guard let outbound else { return ShownIdentity(from: nil, asserted: nil, asksForPrivacy: true) }
        switch outbound.callerID {
        case .fixed(let number):
            return ShownIdentity(from: number, asserted: isTrusted ? number : nil, asksForPrivacy: false)
        case .anonymous:
            return ShownIdentity(from: nil, asserted: asserted(caller), asksForPrivacy: true)
        case .pass:
            let isHidden = caller.privacy.hidesCaller
            return ShownIdentity(
                from: isHidden ? nil : caller.number, asserted: asserted(caller), asksForPrivacy: isHidden)
        }
    }

    private func asserted(_ caller: CallerIdentity) -> DialledNumber? { isTrusted && caller.isAsserted ? caller.number : nil }
}
