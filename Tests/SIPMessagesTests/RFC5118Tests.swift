import Foundation
import SIPMessages
import SottoBase
import Testing

/// The twelve messages of RFC 5118, each with what its section demands.
struct RFC5118Tests {
    private static func message(_ file: String) throws -> SIPRequest {
        let url = try #require(Bundle.module.url(forResource: file, withExtension: "dat", subdirectory: "Corpus/rfc5118"))
        guard case .request(let request) = try parse([UInt8](try Data(contentsOf: url))) else { throw NotThat() }
        return request
    }

    private static func address(_ text: String, _ port: UInt16 = 0) throws -> PeerAddress { try #require(PeerAddress(host: text, port: port)) }

    private static let validator = SIPValidator()

    @Test(arguments: [
        "ipv6-good", "port-ambiguous", "port-unambiguous", "via-received-param-with-delim", "via-received-param-no-delim", "ipv6-in-sdp",
        "mult-ip-in-header", "mult-ip-in-sdp", "ipv4-mapped-ipv6", "ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons",
    ])
    func wellFormedMessageIsTakenAndKeepsItsMeaning(_ file: String) throws {
        let request = try Self.message(file)
        #expect(request.defects.isEmpty)
        #expect(Self.validator.statusOwed(for: request) == nil)
        #expect(try parse(SIPMessage.request(request).serialized) == .request(request))
    }

    @Test func referenceIsAnAddress() throws {  // §4.1
        let request = try Self.message("ipv6-good")
        #expect(request.requestURI.hostAddress == (try Self.address("2001:db8::10", 5060)))
        #expect(request.topVia?.host == "[2001:db8::9:1]")
        #expect(request.contacts.first?.uri.hostAddress == (try Self.address("2001:db8::1", 5060)))
    }

    @Test func addressWithoutBracketsIsRefused() throws {  // §4.2
        let request = try Self.message("ipv6-bad")
        #expect(request.defects == [.requestURI])
        #expect(Self.validator.statusOwed(for: request)?.status == 400)
    }

    @Test func ambiguousPortStaysInTheAddress() throws {  // §4.3
        let request = try Self.message("port-ambiguous")
        #expect(request.requestURI.port == nil)
        #expect(request.requestURI.hostAddress == (try Self.address("2001:db8::10:5070", 5060)))
    }

    @Test func portStandsBehindTheReference() throws {  // §4.4
        let request = try Self.message("port-unambiguous")
        #expect(request.requestURI.hostAddress == (try Self.address("2001:db8::10", 5070)))
    }

    @Test(arguments: ["via-received-param-with-delim", "via-received-param-no-delim"])
    func receivedMayHaveBracketsOrNot(_ file: String) throws {  // §4.5
        let via = try #require(try Self.message(file).topVia)
        #expect(PeerAddress(host: try #require(via.received), port: 0) == (try Self.address("2001:db8::9:255")))
        #expect(via.hasTransactionID)
    }

    @Test func addressFamiliesMayBeMixedInHeaders() throws {  // §4.7
        let request = try Self.message("mult-ip-in-header")
        #expect(request.vias.map(\.host) == ["[2001:db8::9:1]", "192.0.2.1", "[2001:db8::9:255]"])
        #expect(request.vias.map(\.port) == [6050, nil, nil])
        #expect(request.vias.last?.received == "192.0.2.200")
    }

    @Test func mappedAddressIsItsIPv4Address() throws {  // §4.9
        let request = try Self.message("ipv4-mapped-ipv6")
        #expect(PeerAddress(host: request.vias[1].host, port: 1) == (try Self.address("192.0.2.2", 1)))
        #expect(request.contacts.first?.uri.hostAddress == (try Self.address("192.0.2.2", 5060)))
    }

    @Test func threeColonsBeforeAnIPv4AddressMeanTwo() throws {  // §4.10
        let wrong = try Self.message("ipv6-bug-abnf-3-colons")
        let right = try Self.message("ipv6-correct-abnf-2-colons")
        #expect(wrong.requestURI.hostAddress == (try Self.address("2001:db8::192.0.2.1", 5060)))
        #expect(wrong.requestURI.hostAddress == right.requestURI.hostAddress)
        #expect(wrong.to.uri.hostAddress == right.to.uri.hostAddress)
        #expect(wrong.requestURI.host == "[2001:db8:::192.0.2.1]")
    }

    @Test(arguments: [
        "[2001:db8:::1]", "[:::1]", "[2001:db8::1:::192.0.2.1]", "[2001:db8:::192.0.2.300]", "[2001:db8::::192.0.2.1]", "[2001:db8::1%eth0]",
        "[::1::2]", "[12345::]", "[1:2:3:4:5:6:7]", "[]", "[192.0.2.1]",
    ])
    func wrongReferenceIsRefused(_ host: String) throws {  // RFC 5954 §4
        let request = try parseRequest(
            "REGISTER sip:user@\(host) SIP/2.0\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: c\nCSeq: 1 REGISTER\n\n")
        #expect(request.defects == [.requestURI])
    }
}
