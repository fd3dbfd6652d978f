import SIPMessages
import SottoBase
import Testing

/// RFC 4475's messages as they would come over a TLS connection: what has no usable Content-Length also ends the connection
/// (RFC 3261 §18.3, §20.14), all others get the verdict that their section demands, and the stream goes on behind them.
struct RFC4475StreamTests {
    enum Stream: Equatable {
        case verdict(RFC4475Tests.Verdict)
        case closed(SIPFramingFault.Rule, status: UInt16?)
        /// The announced body never came: the connection's deadline ends it.
        case waits
    }

    static let exceptions: [String: Stream] = [
        "clerr": .waits,  // §3.1.2.2: 9999 bytes were promised
        "ncl": .closed(.negativeContentLength, status: 400),  // §3.1.2.3
        "mcl01": .closed(.repeatedContentLength, status: 400),  // §3.3.9
        "inv2543": .closed(.missingContentLength, status: 400),  // §3.4.1: only a datagram may do without (RFC 3261 §20.14)
    ]

    static func overStream(_ bytes: [UInt8]) throws -> Stream {
        var framer = SIPStreamFramer()
        framer.append(bytes)
        do throws(SIPFramingFault) {
            guard let frame = try framer.next() else { return .waits }
            guard case .message(let message) = frame else { throw SIPFramingFault(rule: .notSIP) }
            return .verdict(RFC4475Tests.verdict(message))
        } catch {
            // What may be answered before closing can be answered.
            if let owed = error.statusOwed, var head = framer.takeFaultyHead(), case .request(let request) = try SIPMessageParser.parse(&head) {
                return .closed(error.rule, status: SIPResponse(owed, to: request, toTag: "t").status)
            }
            return .closed(error.rule, status: nil)
        }
    }

    @Test(arguments: RFC4475Tests.verdicts.map { $0 })
    func messageOverAStreamGetsItsVerdictOrEndsTheConnection(
        _ entry: (file: String, verdict: RFC4475Tests.Verdict, section: String)
    ) throws {
        let bytes = try RFC4475Tests.bytes(entry.file)
        let expected = Self.exceptions[entry.file] ?? .verdict(entry.verdict)
        #expect(try Self.overStream(bytes) == expected, "\(entry.file), RFC 4475 §\(entry.section)")
    }

    @Test func everyClosedStreamStaysClosed() throws {
        for (file, outcome) in Self.exceptions {
            guard case .closed(let rule, _) = outcome else { continue }
            var framer = SIPStreamFramer()
            framer.append(try RFC4475Tests.bytes(file))
            #expect(throws: SIPFramingFault(rule: rule)) { try framer.next() }
            framer.append(Array(SIPStreamFramerTests.options.utf8))
            #expect(throws: SIPFramingFault(rule: rule)) { try framer.next() }
        }
    }
}
