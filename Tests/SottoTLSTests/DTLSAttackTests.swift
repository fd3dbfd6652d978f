import SottoBase
import SottoTestCertificates
import Testing

@testable import SottoTLS

/// What a stranger who can forge the peer's address may send. No input ends a handshake (CVE-2023-49786 and its kin).
@Suite struct DTLSAttackTests {
    let identities: DTLSPair.Identities

    init() throws { identities = try DTLSPair.Identities() }

    private func expectKeys(_ pair: DTLSPair) {
        #expect(pair.client.keys != nil)
        #expect(pair.client.keys?.localKey == pair.server.keys?.remoteKey)
    }

    /// A record of epoch 0.
    private func record(_ type: UInt8, _ body: [UInt8], sequence: UInt8 = 0, version: UInt8 = 0xFD) -> [UInt8] {
        [type, 0xFE, version, 0, 0, 0, 0, 0, 0, 0, sequence, UInt8(body.count >> 8), UInt8(body.count & 0xFF)] + body
    }

    private func message(_ type: UInt8, _ body: [UInt8], sequence: UInt8 = 0) -> [UInt8] {
        let length = [UInt8(body.count >> 16), UInt8(body.count >> 8 & 0xFF), UInt8(body.count & 0xFF)]
        return [type] + length + [0, sequence, 0, 0, 0] + length + body
    }

    /// A ClientHello with one cipher and no extension.
    private func hello(cipher: UInt16, cookie: [UInt8] = [], sequence: UInt8 = 0) -> [UInt8] {
        let random = (0..<32).map { _ in UInt8.random(in: 0...255) }
        let ciphers: [UInt8] = [0, 2, UInt8(cipher >> 8), UInt8(cipher & 0xFF)]
        return record(22, message(1, [0xFE, 0xFD] + random + [0] + [UInt8(cookie.count)] + cookie + ciphers + [1, 0], sequence: sequence))
    }

    @Test func helloesWithANullCipherBeforeTheGenuineOneChangeNothing() throws {  // RFC 5763: a bad hello never ends a call
        let pair = try DTLSPair(identities)
        pair.start()
        for _ in 0..<50 { pair.server.receive(hello(cipher: 0x0000), pair.now) }
        _ = pair.server.take()
        pair.exchange()
        expectKeys(pair)
    }

    @Test func aHelloWithTheCookieButWithoutACommonCipherDoesNotEndIt() throws {
        let pair = try DTLSPair(identities)
        pair.start()
        pair.server.receive(hello(cipher: 0x0000), pair.now)
        let verify = try #require(pair.server.take().first)
        let cookie = Array(verify.suffix(Int(verify[13 + 12 + 2])))
        pair.server.receive(hello(cipher: 0x0000, cookie: cookie, sequence: 1), pair.now)
        #expect(pair.server.failure == nil)
        #expect(pair.server.take().isEmpty, "the alert would end the genuine peer's handshake")
        pair.exchange()
        expectKeys(pair)
    }

    @Test(arguments: 0..<6)
    func forgedAlertsAndHelloesAtEachStepChangeNothing(step: Int) throws {
        let pair = try DTLSPair(identities, limits: DTLSPair.impatient)
        pair.carry = { [self] toServer, number, datagram in
            guard number - 1 == step else { return [datagram] }
            let forged: [[UInt8]] = [
                record(21, [2, 40]), record(21, [1, 0]), record(22, [0xFF]), record(23, [1, 2, 3]), record(20, [1]),
                toServer ? hello(cipher: 0) : record(22, message(14, [1, 2, 3], sequence: 9)), [], [22], Array(datagram.dropLast(1)),
            ]
            return forged + [datagram]
        }
        pair.start()
        pair.run()
        expectKeys(pair)
    }

    @Test func aForgedServerHelloMakesAClientBeginAnew() throws {
        let pair = try DTLSPair(identities)
        pair.start()
        let first = pair.client.take()
        // A ServerHello of DTLS 1.2 with a cipher that was not offered.
        let random = [UInt8](repeating: 7, count: 32)
        pair.client.receive(record(22, message(2, [0xFE, 0xFD] + random + [0, 0x00, 0x00, 0])), pair.now)
        #expect(pair.client.failure == nil)
        let second = pair.client.take()
        #expect(!second.isEmpty && second != first)
        for datagram in second { pair.server.receive(datagram, pair.now) }
        pair.exchange()
        expectKeys(pair)
    }

    @Test func aPeerThatBeginsAnewIsFollowed() throws {
        let pair = try DTLSPair(identities)
        pair.start()
        // A first client gets as far as its cookie, and is gone.
        let gone = DTLSEnd(
            try DTLSEngine(role: .client, identity: identities.client, expecting: [identities.server.fingerprint]))
        gone.start(pair.now)
        for _ in 0..<2 {
            for datagram in gone.take() { pair.server.receive(datagram, pair.now) }
            for datagram in pair.server.take() { gone.receive(datagram, pair.now) }
        }
        pair.exchange()
        expectKeys(pair)
        #expect(gone.keys == nil)
    }

    @Test func randomBytesNeverEndIt() throws {
        var random = SystemRandomNumberGenerator()
        for role in [DTLSRole.client, .server] {
            let pair = try DTLSPair(identities)
            pair.start()
            let victim = role == .client ? pair.client : pair.server
            for _ in 0..<400 {
                let count = Int.random(in: 0...200, using: &random)
                var datagram = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                if count > 13, Bool.random(using: &random) {
                    datagram.replaceSubrange(0..<13, with: [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 1, 0, UInt8(count - 13)])
                }
                victim.receive(datagram, pair.now)
            }
            #expect(victim.failure == nil)
            #expect(victim.ignored > 300)
        }
    }

    @Test func aFlippedBitAnywhereIsSurvived() throws {
        let reference = try DTLSPair(identities)
        reference.start()
        reference.exchange()
        let sizes = (reference.client.sent.map(\.count), reference.server.sent.map(\.count))
        for (toServer, counts) in [(true, sizes.0), (false, sizes.1)] {
            for (index, count) in counts.enumerated() {
                for position in stride(from: 0, to: count, by: 37) {
                    let pair = try DTLSPair(identities)
                    pair.carry = { direction, number, datagram in
                        guard direction == toServer, number == index + 1, position < datagram.count else { return [datagram] }
                        var damaged = datagram
                        damaged[position] ^= 0x10
                        return [damaged, datagram]  // the forged copy comes first, the genuine one is not lost
                    }
                    pair.start()
                    pair.exchange()
                    #expect(pair.client.failure == nil, "\(toServer) \(index) \(position)")
                    #expect(pair.server.failure == nil, "\(toServer) \(index) \(position)")
                }
            }
        }
    }

    @Test func handshakesThatFailAreBoundedAndReportedAtTheDeadline() throws {
        let end = DTLSEnd(
            try DTLSEngine(
                role: .client, identity: identities.client, expecting: [identities.server.fingerprint],
                limits: .init(deadline: .seconds(5), restarts: 3)))
        var now = Instant(nanoseconds: 0)
        end.start(now)
        var hellos = 0
        for _ in 0..<20 {
            if !end.take().isEmpty { hellos += 1 }
            end.receive(record(22, message(2, [0xFE, 0xFD] + [UInt8](repeating: 7, count: 32) + [0, 0, 0, 0])), now)
        }
        #expect(hellos == 4)
        #expect(end.failure == nil)
        now = now + .seconds(5)
        end.timer(now)
        guard case .handshakeFailed? = end.failure else { return #expect(Bool(false), "\(String(describing: end.failure))") }
    }

    @Test func afterTheKeysNothingForgedEndsTheAssociation() throws {
        let pair = try DTLSPair(identities)
        pair.start()
        pair.exchange()
        expectKeys(pair)
        for end in [pair.client, pair.server] {
            for datagram in [record(21, [2, 40]), record(21, [1, 0]), hello(cipher: 0), [20], [UInt8](repeating: 0xFF, count: 100)] {
                end.receive(datagram, pair.now)
            }
            var forged = record(21, [UInt8](repeating: 3, count: 40))
            forged[4] = 1  // epoch 1, without its key
            end.receive(forged, pair.now)
            #expect(end.failure == nil)
            #expect(!end.isClosed)
        }
    }
}
