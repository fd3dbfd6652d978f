import SottoBase
import SottoTLS
import SottoTestCertificates
import Testing

/// RFC 5763, RFC 5764.
@Suite struct DTLSTests {
    let identities: DTLSPair.Identities

    init() throws { identities = try DTLSPair.Identities() }

    private func expectSameKeys(_ pair: DTLSPair, _ profile: DTLSProfile) throws {
        let (client, server) = (try #require(pair.client.keys), try #require(pair.server.keys))
        #expect(client.profile == profile)
        #expect(server.profile == profile)
        #expect(client.localKey == server.remoteKey)
        #expect(client.remoteKey == server.localKey)
        #expect(client.localKey != client.remoteKey)
        #expect(client.localKey.count == profile.keyLength + profile.saltLength)
    }

    @Test(arguments: DTLSProfile.allCases)
    func eachProfileGivesBothEndsTheSameKeys(profile: DTLSProfile) throws {  // RFC 5764 §4.2
        let pair = try DTLSPair(identities, clientProfiles: [profile])
        pair.start()
        pair.exchange()
        try expectSameKeys(pair, profile)
        #expect(pair.client.nextDeadline == nil)
        #expect(pair.server.nextDeadline == nil)
    }

    @Test func theStrongestCommonProfileIsTaken() throws {
        let pair = try DTLSPair(
            identities, clientProfiles: [.aes128CMSHA1_80, .aeadAES128GCM],
            serverProfiles: [.aeadAES256GCM, .aeadAES128GCM, .aes128CMSHA1_80])
        pair.start()
        pair.exchange()
        try expectSameKeys(pair, .aeadAES128GCM)
    }

    @Test func noCommonProfileGivesNoKeys() throws {  // RFC 5764 §4.1.1
        let pair = try DTLSPair(identities, clientProfiles: [.aes128CMSHA1_80], serverProfiles: [.aeadAES256GCM])
        pair.start()
        pair.exchange()
        #expect(pair.server.failure == .noProfile)
        #expect(pair.server.keys == nil)
        #expect(pair.client.keys == nil)
    }

    @Test func datagramsKeepTheirSizeAndHoldWholeRecords() throws {
        let pair = try DTLSPair(identities, limits: .init(retransmission: .seconds(60), datagramSize: 300))
        pair.start()
        pair.exchange()
        try expectSameKeys(pair, .aeadAES256GCM)
        #expect(pair.client.sent.count + pair.server.sent.count > 6)
        for datagram in pair.client.sent + pair.server.sent {
            #expect(datagram.count <= 300)
            var rest = datagram[...]
            while rest.count >= 13 {
                let start = rest.startIndex
                rest = rest.dropFirst(13 + Int(rest[start + 11]) << 8 + Int(rest[start + 12]))
            }
            #expect(rest.isEmpty)
        }
    }

    @Test func aServerAnswersAHelloWithACookieFirst() throws {  // RFC 6347 §4.2.1
        let pair = try DTLSPair(identities)
        pair.start()
        let hello = try #require(pair.client.take().first)
        pair.server.receive(hello, pair.now)
        let answers = pair.server.take()
        #expect(answers.count == 1)
        #expect(answers.first.map { $0[13] } == 3)  // HelloVerifyRequest
        #expect((answers.first?.count ?? .max) <= hello.count, "an answer is never larger than its question")
    }

    // MARK: - Fingerprints

    @Test func aServerThatIsSomebodyElseGivesNoKeys() throws {  // RFC 5763 §5
        let other = try DTLSIdentity.selfSigned(now: .systemNow)
        let pair = try DTLSPair(identities, clientExpects: [other.fingerprint])
        pair.start()
        pair.exchange()
        #expect(pair.client.failure == .fingerprintMismatch)
        #expect(pair.client.keys == nil)
    }

    @Test func aClientThatIsSomebodyElseGivesNoKeysToEitherEnd() throws {
        let other = try DTLSIdentity.selfSigned(now: .systemNow)
        let pair = try DTLSPair(identities, serverExpects: [other.fingerprint])
        pair.start()
        pair.exchange()
        #expect(pair.server.failure == .fingerprintMismatch)
        #expect(pair.server.keys == nil)
        #expect(pair.client.keys == nil, "the last flight of a refused handshake does not leave")
        #expect(pair.server.take().isEmpty)
    }

    @Test func oneOfSeveralFingerprintsIsEnough() throws {  // RFC 8122 §5
        let other = try DTLSIdentity.selfSigned(now: .systemNow)
        let pair = try DTLSPair(identities, clientExpects: [other.fingerprint, identities.server.fingerprint])
        pair.start()
        pair.exchange()
        try expectSameKeys(pair, .aeadAES256GCM)
    }

    @Test func anEmptyFingerprintMatchesNobody() throws {
        let pair = try DTLSPair(identities, clientExpects: [DTLSFingerprint(bytes: [])])
        pair.start()
        pair.exchange()
        #expect(pair.client.failure == .fingerprintMismatch)
    }

    @Test func anOperatorsCertificateServes() throws {
        let credentials = try TestAuthority().issue(.init(dnsNames: ["media.example"], key: .rsa2048))
        let identity = try DTLSIdentity(credentials, now: .systemNow)
        let client = DTLSEnd(try DTLSEngine(role: .client, identity: identities.client, expecting: [identity.fingerprint]))
        let server = DTLSEnd(try DTLSEngine(role: .server, identity: identity, expecting: [identities.client.fingerprint]))
        let now = Instant(nanoseconds: 0)
        server.start(now)
        client.start(now)
        for _ in 0..<8 {
            for datagram in client.take() { server.receive(datagram, now) }
            for datagram in server.take() { client.receive(datagram, now) }
        }
        #expect(client.keys != nil && client.keys?.localKey == server.keys?.remoteKey)
    }

    // MARK: - Bad networks

    @Test(arguments: 1...8)
    func anyLostDatagramIsRepeated(lost: Int) throws {  // RFC 6347 §4.2.4
        for toServer in [true, false] {
            let pair = try DTLSPair(identities, limits: DTLSPair.impatient)
            pair.carry = { direction, number, datagram in direction == toServer && number == lost ? [] : [datagram] }
            pair.start()
            pair.run()
            try expectSameKeys(pair, .aeadAES256GCM)
        }
    }

    @Test func everySecondDatagramLostOnlyTakesLonger() throws {
        let pair = try DTLSPair(
            identities, limits: .init(retransmission: .milliseconds(17), longestRetransmission: .milliseconds(20), datagramSize: 500))
        var random = SystemRandomNumberGenerator()
        var passed = 0
        pair.carry = { _, _, datagram in
            // One in two, but never so many that the library's own limit of repetitions ends the handshake.
            if passed < 3, Bool.random(using: &random) { passed += 1; return [] }
            passed = 0
            return [datagram]
        }
        pair.start()
        pair.run()
        try expectSameKeys(pair, .aeadAES256GCM)
    }

    @Test func reorderedAndRepeatedDatagramsAreNoMatter() throws {
        let pair = try DTLSPair(identities, limits: .init(retransmission: .milliseconds(17), datagramSize: 300))
        var held: [Bool: [UInt8]] = [:]
        pair.carry = { toServer, number, datagram in
            // Each odd datagram waits for the next one, which overtakes it; both come twice.
            if number % 2 == 1, number > 2 {
                held[toServer] = datagram
                return []
            }
            let late = held.removeValue(forKey: toServer)
            return [datagram, datagram] + (late.map { [$0, $0] } ?? [])
        }
        pair.start()
        pair.run()
        try expectSameKeys(pair, .aeadAES256GCM)
    }

    @Test func aPeerThatMissedTheLastFlightGetsItAgain() throws {
        let pair = try DTLSPair(identities, limits: DTLSPair.impatient)
        var isLost = false
        pair.carry = { [server = pair.server] toServer, _, datagram in
            if !toServer, server.isEstablished, !isLost {
                isLost = true
                return []
            }
            return [datagram]
        }
        pair.start()
        pair.run()
        #expect(isLost)
        try expectSameKeys(pair, .aeadAES256GCM)
    }

    @Test func silenceEndsAtTheDeadline() throws {
        for role in [DTLSRole.client, .server] {
            let end = DTLSEnd(
                try DTLSEngine(
                    role: role, identity: identities.client, expecting: [identities.server.fingerprint],
                    limits: .init(deadline: .seconds(3))))
            let start = Instant(nanoseconds: 0)
            end.start(start)
            let next = try #require(end.nextDeadline)
            #expect(next <= start + .seconds(3))
            end.timer(start + .milliseconds(2_999))
            #expect(end.failure == nil)
            end.timer(start + .seconds(3))
            #expect(end.failure == .timedOut)
            #expect(end.nextDeadline == nil)
        }
    }
}
