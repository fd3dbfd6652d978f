public import FuzzKit
import SDP
import SIPMessages
import SottoBase

/// Bytes as they might come over a connection: framer, parser, validator, SDP, writer.
public func fuzzSIPStream(_ bytes: [UInt8]) -> FuzzFinding? {
    var framer = SIPStreamFramer()
    var index = 0
    var piece = 1 + bytes.count / 3
    // Pieces of unlike sizes, so that the framer's joints move with the input.
    while index < bytes.count {
        let end = min(bytes.count, index + piece)
        framer.append(Array(bytes[index..<end]))
        index = end
        piece = 1 + (piece &* 7) % 97
        do throws(SIPFramingFault) {
            while let frame = try framer.next() {
                if case .message(let raw) = frame, let finding = fuzzSIPMessage(raw) { return finding }
            }
        } catch {
            guard var head = framer.takeFaultyHead() else { return nil }
            guard error.statusOwed != nil else { return FuzzFinding(property: "a fault without status keeps no head") }
            if let message = try? SIPMessageParser.parse(&head), case .request(let request) = message, let owed = error.statusOwed {
                var output: [UInt8] = []
                SIPResponse(owed, to: request, toTag: "t").serialize(into: &output)
            }
            return nil
        }
    }
    return nil
}

/// One whole message, as a datagram would bring it.
public func fuzzSIPMessage(_ bytes: [UInt8]) -> FuzzFinding? {
    var raw = bytes
    guard let message = try? SIPMessageParser.parse(&raw) else {
        return raw.isEmpty ? nil : FuzzFinding(property: "refused input is wiped")
    }
    var output: [UInt8] = []
    message.serialize(into: &output)
    switch message {
    case .request(let request):
        if let owed = SIPValidator(methods: [.invite, .bye]).statusOwed(for: request) {
            var answer: [UInt8] = []
            SIPResponse(owed, to: request, toTag: "t").serialize(into: &answer)
        }
        _ = (request.calledNumber, request.assertedIdentities, request.reasons, request.require, request.allow)
        _ = request.topVia?.responsePort
        _ = request.requestURI.isEquivalent(to: request.from.uri)
        var marked = request
        if let source = PeerAddress(host: "203.0.113.1", port: 1) { marked.markReceived(from: source) }
        if request.topVia?.isWellFormed == true, marked.topVia?.isWellFormed != true {
            return FuzzFinding(property: "a marked Via is a Via")
        }
        if request.to.isWellFormed, request.to.withTag("t").tag != "t" { return FuzzFinding(property: "a tag that was set is there") }
    case .response(let response):
        _ = SIPValidator().reasonToDiscard(response)
    }
    if let finding = fuzzValues(of: message.fields) { return finding }
    let body = message.fields.body
    if let finding = fuzzSDP(body.chunks.map { chunk in
        switch chunk {
        case .bytes(let bytes): .bytes(bytes)
        case .secret(let secret): .secret(secret)
        }
    }) {
        return finding
    }
    guard message.fields.defects.isEmpty else { return nil }
    var again = output
    do throws(SIPParseError) {
        let parsed = try SIPMessageParser.parse(&again)
        // Canonical names are longer than compact ones, so that a message at a limit may grow over it.
        if parsed.fields.defects == [.tooLarge] { return nil }
        guard parsed == message else { return FuzzFinding(property: "reparse(serialize(x)) == x") }
    } catch {
        return error.rule == .messageTooLarge ? nil : FuzzFinding(property: "serialize(x) parses: \(error)")
    }
    var framer = SIPStreamFramer()
    framer.append(output)
    guard (try? framer.next()) == .message(output) else {
        return output.count > SIPLimits.standard.message ? nil : FuzzFinding(property: "serialize(x) is one frame")
    }
    return nil
}

/// A session description without keys apart: what a body holds that nobody separated.
public func fuzzSDP(_ bytes: [UInt8]) -> FuzzFinding? {
    var copy = bytes
    guard let body = SIPBody(separatingSecretsOf: &copy) else { return nil }
    return fuzzSDP(body.chunks.map { chunk in
        switch chunk {
        case .bytes(let bytes): .bytes(bytes)
        case .secret(let secret): .secret(secret)
        }
    })
}

private let keys: [SRTPSuite: SecretBytes] = Dictionary(
    uniqueKeysWithValues: SRTPSuite.allCases.map { suite in
        (suite, SecretBytes(copying: ArraySlice(repeating: UInt8(suite.rawValue + 1), count: suite.keyingLength)))
    })

func fuzzSDP(_ chunks: [SDPChunk]) -> FuzzFinding? {
    guard let description = try? SessionDescription.parse(chunks) else { return nil }
    var expected = description
    for index in expected.media.indices { expected.media[index].voidCryptos = [] }
    do throws(SDPParseError) {
        guard try SessionDescription.parse(expected.chunks()) == expected else { return FuzzFinding(property: "SDP reparse == x") }
    } catch {
        guard error.rule == .tooLarge || error.rule == .tooManyLines else { return FuzzFinding(property: "SDP written parses: \(error)") }
    }
    guard let address = PeerAddress(host: "192.0.2.1", port: 40000) else { return FuzzFinding(property: "a literal address") }
    let dtls = CertificateFingerprint(bytes: Array(repeating: 1, count: 32)).map {
        LocalDTLS(fingerprint: $0, associationID: "ourassociation-000001")
    }
    let local = LocalMedia(address: address, sessionID: 1, keys: keys, dtls: dtls)
    let capabilities = MediaCapabilities(suites: SRTPSuite.allCases, allowsMKI: true, keying: [.sdes, .dtls])
    if case .success(let media) = SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local) {
        guard media.local.media.count == description.media.count else { return FuzzFinding(property: "an answer keeps the lines") }
        guard media.local.media.filter({ $0.port != 0 }).count == 1 else { return FuzzFinding(property: "an answer takes one line") }
        guard let again = try? SessionDescription.parse(media.local.chunks()), again == media.local else {
            return FuzzFinding(property: "an answer written parses")
        }
        guard (10...60).contains(media.packetTime) else { return FuzzFinding(property: "packet time within 10–60 ms") }
        switch media.keying {
        case .sdes(let remote, let key):
            guard key.count == remote.suite.keyingLength, remote.key.count == key.count else {
                return FuzzFinding(property: "keys fit the suite")
            }
        case .dtls(let agreement):
            guard (1...8).contains(agreement.remoteFingerprints.count) else { return FuzzFinding(property: "1 to 8 fingerprints") }
        }
        // The same offer again changes nothing, and what it is answered with can be offered.
        guard case .success(let same) = SDPAnswerer.answer(offer: description, capabilities: capabilities, local: local, previous: media),
            !same.isChanged, same.changes(since: media).isEmpty
        else { return FuzzFinding(property: "an unchanged offer changes nothing") }
        let reoffer = SDPOfferer.makeOffer(capabilities: capabilities, local: local, previous: media)
        guard reoffer.media.count == description.media.count else { return FuzzFinding(property: "a re-offer keeps the lines") }
        _ = SDPOfferer.accept(answer: description, to: reoffer, capabilities: capabilities, previous: media)
    }
    for method in KeyingMethod.allCases {
        var one = capabilities
        one.keying = [method]
        let offer = SDPOfferer.makeOffer(capabilities: one, local: local)
        _ = SDPOfferer.accept(answer: description, to: offer, capabilities: one)
    }
    return nil
}
