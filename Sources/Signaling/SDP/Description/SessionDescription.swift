public import SottoBase

/// A session description (RFC 8866, which replaced RFC 4566), over its own bytes.
///
/// Lines that a call does not use (u=, e=, p=, b=, r=, z=, i=) are passed over; `k=` is refused by RFC 8866 and never kept.
public struct SessionDescription: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    public var origin: SDPOrigin
    /// `-` when nobody names it.
    public var sessionName: WireText
    /// The session's `c=` line; a media line's own one goes before it.
    public var connection: SDPConnection?
    /// `a=` lines before the first `m=`, in order.
    public var attributes: [SDPAttribute]
    public var media: [MediaDescription]

    public init(
        origin: SDPOrigin, sessionName: WireText = "-", connection: SDPConnection? = nil, attributes: [SDPAttribute] = [],
        media: [MediaDescription] = []
    ) {
        self.origin = origin
        self.sessionName = sessionName
        self.connection = connection
        self.attributes = attributes
        self.media = media
    }

    /// Only the number of media lines: the rest is addresses.
    public var description: String { "SessionDescription(\(media.count) media)" }
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

    public func attribute(_ name: StaticString) -> SDPAttribute? { attributes.first { $0.isExactly(name) } }

    /// The connection that holds for `media`.
    public func connection(of media: MediaDescription) -> SDPConnection? { media.connection ?? connection }

    /// The direction that holds for `media`: its own, the session's, or sendrecv (RFC 3264 §5.1).
    public func direction(of media: MediaDescription) -> MediaDirection {
        MediaDirection(attributes: media.attributes) ?? MediaDirection(attributes: attributes) ?? .sendrecv
    }
}

/// The `o=` line.
public struct SDPOrigin: Hashable, Sendable {
    public var username: WireText
    public var sessionID: UInt64
    /// Rises by one with each changed description (RFC 3264 §8).
    public var version: UInt64
    /// `IP4` or `IP6`.
    public var addressType: WireText
    public var address: WireText

    public init(username: WireText = "-", sessionID: UInt64, version: UInt64, addressType: WireText, address: WireText) {
        self.username = username
        self.sessionID = sessionID
        self.version = version
        self.addressType = addressType
        self.address = address
    }
}

/// A `c=` line.
public struct SDPConnection: Hashable, Sendable {
    /// `IP4` or `IP6`.
    public var addressType: WireText
    /// As written, without a multicast address's TTL.
    public var address: WireText

    public init(addressType: WireText, address: WireText) {
        self.addressType = addressType
        self.address = address
    }

    public init(_ address: PeerAddress) {
        addressType = address.isIPv6 ? "IP6" : "IP4"
        self.address = WireText(address.hostText)
    }

    /// The address with `port`; nil for a host name, which media never resolves.
    public func peerAddress(port: UInt16) -> PeerAddress? { PeerAddress(host: address, port: port) }
}

/// An `a=` line: `name` or `name:value`. One view of the line, since descriptions have many.
public struct SDPAttribute: Hashable, Sendable {
    private let line: WireText
    /// Length of the name; the value follows a colon, if `line` is longer.
    private let nameCount: UInt16

    public init(_ name: WireText, _ value: WireText? = nil) {
        guard let value, name.count < Int(UInt16.max) else {
            line = name.slice(0..<Int(UInt16.max))
            nameCount = UInt16(truncatingIfNeeded: line.count)
            return
        }
        nameCount = UInt16(truncatingIfNeeded: name.count)
        var line: [UInt8] = []
        line.reserveCapacity(name.count + 1 + value.count)
        line.append(contentsOf: name.bytes)
        line.append(0x3A)
        line.append(contentsOf: value.bytes)
        self.line = WireText(line)
    }

    /// As it is written after `a=`.
    init(written text: String) {
        let bytes = Array(text.utf8)
        self.init(bytes, 0..<bytes.count, nameCount: bytes.span.firstIndex(of: 0x3A, or: 0x3A, from: 0, to: bytes.count))
    }

    /// As it is written after `a=` at `range`, with a name of `nameCount` bytes.
    init(_ storage: [UInt8], _ range: Range<Int>, nameCount: Int) {
        line = WireText(storage, range)
        self.nameCount = UInt16(truncatingIfNeeded: nameCount)
    }

    public var name: WireText { line.slice(0..<Int(nameCount)) }
    /// Nil without a colon; may be empty.
    public var value: WireText? { line.count > Int(nameCount) ? line.slice(Int(nameCount) + 1..<line.count) : nil }

    /// Whether the name is `name`, without case.
    func isNamed(_ name: StaticString) -> Bool { Int(nameCount) == name.utf8CodeUnitCount && self.name.equalsIgnoringCase(name) }
    /// With case, as RFC 8866 §9 has it.
    func isExactly(_ name: StaticString) -> Bool { Int(nameCount) == name.utf8CodeUnitCount && self.name.equals(name) }

    func write(to output: inout ChunkWriter) {
        output.append("a=")
        output.append(line)
        output.append("\r\n")
    }
}

/// Who sends, seen from the describer.
public enum MediaDirection: Hashable, Sendable {
    case sendrecv, sendonly, recvonly, inactive

    /// The first direction attribute of a list, nil when there is none.
    public init?(attributes: [SDPAttribute]) {
        for attribute in attributes where attribute.value == nil {
            if attribute.isExactly("sendrecv") { self = .sendrecv; return }
            if attribute.isExactly("sendonly") { self = .sendonly; return }
            if attribute.isExactly("recvonly") { self = .recvonly; return }
            if attribute.isExactly("inactive") { self = .inactive; return }
        }
        return nil
    }

    public init(sends: Bool, receives: Bool) {
        self = sends ? (receives ? .sendrecv : .sendonly) : (receives ? .recvonly : .inactive)
    }

    public var sends: Bool { self == .sendrecv || self == .sendonly }
    public var receives: Bool { self == .sendrecv || self == .recvonly }
    /// As the other side sees it.
    public var reversed: MediaDirection { MediaDirection(sends: receives, receives: sends) }

    public var name: StaticString {
        switch self {
        case .sendrecv: "sendrecv"
        case .sendonly: "sendonly"
        case .recvonly: "recvonly"
        case .inactive: "inactive"
        }
    }
}
