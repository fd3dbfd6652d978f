public import SDP
internal import SottoBase

/// What the table of calls is started with.
public struct CallsConfiguration: Sendable {
    /// A media address as peers see it, and the index of its port range.
    public struct MediaAddress: Hashable, Sendable {
        public var range: Int
        /// 4 or 16 bytes: what goes into session descriptions. Never an unspecified address.
        public var advertised: [UInt8]

        public init(range: Int, advertised: [UInt8]) {
            self.range = range
            self.advertised = advertised
        }
    }

    /// At least one. The caller's leg uses the first of its offer's address family (its peer's, when it brings no offer), a leg that we
    /// call the first of its hop's; else the first.
    public var media: [MediaAddress]
    /// Of the certificate that the media plane shows in DTLS handshakes; nil: trunks whose policy asks for DTLS-SRTP get none.
    public var dtlsFingerprint: CertificateFingerprint?
    /// Name in our Warning headers (RFC 3261 §20.43): a host or a pseudonym.
    public var warningAgent: String = "sotto"
    /// A full disk refuses new calls, rather than taking them unrecorded.
    public var refusesCallsWithoutStorage = false
    /// How long media may take to be set up.
    public var setUpTime: Duration = .seconds(8)
    /// How long a trunk's servers may take to be found and connected to, for one hop.
    public var dialTime: Duration = .seconds(20)
    /// Legs that a call may call one after the other: trunks to fail over to, hand-overs, transfers.
    public var farLegsAtMost = 8
    /// The longest call whatever the policy says. Nil, the default: what the policy says that the call is born with.
    public var longestCall: Duration?
    /// How long the end of media and dialog may take before both are asked again, and then given up.
    public var closingTime: Duration = .seconds(5)

    public init(media: [MediaAddress]) {
        precondition(!media.isEmpty, "a gateway needs a media address")
        self.media = media
    }

    func address(isIPv6: Bool) -> MediaAddress {
        media.first { ($0.advertised.count == 16) == isIPv6 } ?? media[0]
    }
}
