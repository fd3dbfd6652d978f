import SIPMessages
import SottoBase
import Testing

/// Framing on streams: RFC 3261 §18.3, RFC 5626 §3.5.1.
struct SIPStreamFramerTests {
    static let options = "OPTIONS sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\nl : 5\r\n\r\nhello"

    private func frames(_ text: String, piece: Int = .max, role: SIPStreamFramer.Role = .accepted) throws -> [SIPStreamFramer.Frame] {
        var framer = SIPStreamFramer(role: role)
        var frames: [SIPStreamFramer.Frame] = []
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let end = piece >= bytes.count - index ? bytes.count : index + piece
            framer.append(Array(bytes[index..<end]))
            while let frame = try framer.next() { frames.append(frame) }
            index = end
        }
        return frames
    }

    private func fault(_ text: String) -> SIPFramingFault? {
        do {
            _ = try frames(text)
            return nil
        } catch {
            return error as? SIPFramingFault
        }
    }

    @Test(arguments: [1, 2, 3, 7, 50, 1000])
    func messagesAreCutWhateverThePieces(_ piece: Int) throws {
        let message = SIPStreamFramer.Frame.message(Array(Self.options.utf8))
        #expect(try frames(Self.options + Self.options + Self.options, piece: piece) == [message, message, message])
    }

    @Test func doubleLineEndIsPing() throws {
        let message = SIPStreamFramer.Frame.message(Array(Self.options.utf8))
        #expect(try frames("\r\n\r\n") == [.keepAlivePing])
        #expect(try frames("\r\n\r\n" + Self.options + "\r\n\r\n") == [.keepAlivePing, message, .keepAlivePing])
    }

    @Test func pingInPiecesIsStillAnswered() throws {
        #expect(try frames("\r\n\r\n", piece: 1).last == .keepAlivePing)
        #expect(try frames("\r\n\r\n", piece: 2).last == .keepAlivePing)
        #expect(try frames("\r\n\r\n", piece: 3).last == .keepAlivePing)
    }

    @Test func lineEndsAreAnswersWhereWePing() throws {
        #expect(try frames("\r\n", role: .opened) == [.pong])
        #expect(try frames("\r\n\r\n", role: .opened) == [.pong, .pong])
    }

    @Test func foldedContentLengthIsRead() throws {
        let text = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length:\r\n  5\r\n\r\nhello"
        #expect(try frames(text) == [.message(Array(text.utf8))])
    }

    /// Must close the connection: nobody knows where the next message starts.
    @Test(arguments: [
        ("Content-Length: -1\r\n", SIPFramingFault.Rule.negativeContentLength),
        ("Content-Length: 5\r\nl: 5\r\n", .repeatedContentLength),
        ("Content-Length: 99999999999999999999999\r\n", .messageTooLarge),
        ("Content-Length: 65536\r\n", .messageTooLarge),
        ("Content-Length: 5 5\r\n", .malformedContentLength),
        ("Content-Length: +5\r\n", .malformedContentLength),
        ("Content-Length:\r\n", .malformedContentLength),
        ("", .missingContentLength),
    ])
    func lengthFaultCanBeAnsweredOnce(_ header: String, _ rule: SIPFramingFault.Rule) throws {
        var framer = SIPStreamFramer()
        framer.append(Array("OPTIONS sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/TLS h;branch=z9hG4bK1\r\n\(header)\r\nhello".utf8))
        #expect(throws: SIPFramingFault(rule: rule)) { try framer.next() }
        #expect(SIPFramingFault(rule: rule).statusOwed?.status == (rule == .messageTooLarge ? 413 : 400))
        let taken = framer.takeFaultyHead()
        var head = try #require(taken)
        guard case .request(let request) = try SIPMessageParser.parse(&head) else { throw NotThat() }
        #expect(request.topVia?.branch == "z9hG4bK1")
        let takenTwice = framer.takeFaultyHead()
        #expect(takenTwice == nil)
        #expect(throws: SIPFramingFault(rule: rule)) { try framer.next() }
    }

    @Test func whatIsNotSIPClosesAtTheFirstLine() {
        #expect(fault("GET / HTTP/1.1\r\n")?.rule == .notSIP)
        #expect(fault("GET / HTTP/1.1\r\n")?.statusOwed == nil)
        #expect(fault(String(repeating: "x", count: 9000))?.rule == .notSIP)
    }

    @Test func bareLineFeedCloses() {
        #expect(fault("OPTIONS sip:a@b SIP/2.0\nl: 0\n\n")?.rule == .bareLineEnd)
        #expect(fault("\n")?.rule == .bareLineEnd)
    }

    @Test func endlessHeadCloses() {
        #expect(fault("OPTIONS sip:a@b SIP/2.0\r\n" + String(repeating: "X: y\r\n", count: 12_000))?.rule == .headTooLarge)
    }

    @Test func framesComeParsed() throws {
        var framer = SIPStreamFramer()
        framer.append(Array((Self.options + "OPTIONS\r\n").utf8))
        framer.append(Array("x\r\n".utf8))
        guard case .message(.request(let request)) = try framer.next(parsedBy: SIPMessageParser()) else { throw NotThat() }
        #expect(request.method == .options)
        #expect(throws: SIPFramingFault(rule: .notSIP)) { try framer.next(parsedBy: SIPMessageParser()) }
    }

    @Test func refusedMessageLeavesTheStreamReadable() throws {
        var framer = SIPStreamFramer()
        framer.append(Array(("\"?\" sip:x SIP/2.0\r\nl: 1\r\n\r\nx" + Self.options).utf8))
        #expect(try framer.next(parsedBy: SIPMessageParser()) == .refused(SIPParseError(rule: .startLine, offset: 0)))
        guard case .message = try framer.next(parsedBy: SIPMessageParser()) else { throw NotThat() }
    }

    @Test func partialMessageIsReported() throws {
        var framer = SIPStreamFramer()
        #expect(!framer.hasPartialMessage)
        framer.append(Array(Self.options.utf8.dropLast()))
        #expect(try framer.next() == nil)
        #expect(framer.hasPartialMessage)
        framer.append([0x6F])
        #expect(try framer.next() != nil)
        #expect(!framer.hasPartialMessage)
        #expect(framer.bufferedBytes == 0)
    }
}
