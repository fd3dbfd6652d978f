internal import SottoBase

/// Why a stream can no longer be read: nobody knows where its next message starts. The connection must be closed.
public struct SIPFramingFault: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Rule: String, Sendable, CaseIterable {
        /// The first line is no SIP start line.
        case notSIP
        /// A line end of LF alone, or CR alone.
        case bareLineEnd
        case headTooLarge
        case missingContentLength, negativeContentLength, malformedContentLength, repeatedContentLength
        /// Content-Length would make the message larger than the limit.
        case messageTooLarge
    }

    public let rule: Rule

    public init(rule: Rule) { self.rule = rule }

    /// The answer that may be sent before closing: then `takeFaultyHead()` gives the headers to answer to. Nil: close at once.
    public var statusOwed: SIPStatusOwed? {
        switch rule {
        case .notSIP, .bareLineEnd, .headTooLarge: nil
        case .missingContentLength, .negativeContentLength, .malformedContentLength, .repeatedContentLength:
            SIPStatusOwed(status: 400, reasonPhrase: "Bad Request (Content-Length)")
        case .messageTooLarge: SIPStatusOwed(status: 413, reasonPhrase: "Request Entity Too Large")
        }
    }

    /// Harmless: names the rule.
    public var description: String { "SIP stream fault: \(rule.rawValue)" }
}

/// Cuts a stream into messages by Content-Length (RFC 3261 §18.3) and finds keep-alives (RFC 5626 §3.5.1).
///
///     framer.append(bytes)
///     while let event = try framer.next(parsedBy: parser) { … }
///
/// After a fault it stays faulty. Its buffer may hold keys: it is wiped as it is consumed, when it grows, and by `wipe()`.
public struct SIPStreamFramer: Sendable {
    public enum Frame: Equatable, Sendable {
        /// One whole message, for `SIPMessageParser.parse`. Holds its secrets in clear until then.
        case message([UInt8])
        /// CRLF CRLF: answer with one CRLF.
        case keepAlivePing
        /// A single CRLF: the answer to our ping.
        case pong
    }

    /// As `Frame`, with the message parsed.
    public enum Event: Equatable, Sendable {
        case message(SIPMessage)
        /// A whole message that cannot be represented; the stream goes on behind it.
        case refused(SIPParseError)
        case keepAlivePing
        case pong
    }

    /// Which end opened the connection; it tells what a lone CRLF means.
    public enum Role: Sendable {
        /// The peer opened it and may ping: a lone CRLF, then another one, are a ping that came in two pieces.
        case accepted
        /// We opened it and ping: every CRLF is an answer.
        case opened
    }

    private enum State {
        case reading
        case faulty(SIPFramingFault)
    }

    private let limits: SIPLimits
    private let role: Role
    private var state = State.reading
    private var buffer: [UInt8] = []
    /// First byte that was not consumed.
    private var start = 0
    /// Everything before was searched for the end of the head.
    private var scanned = 0
    private var sawLoneLineEnd = false
    private var firstLineChecked = false
    /// Length of the head and of the whole message, once the head is complete.
    private var expected: (head: Int, total: Int)?
    private var faultyHead: [UInt8]?

    public init(limits: SIPLimits = .standard, role: Role = .accepted) {
        self.limits = limits
        self.role = role
    }

    /// Bytes that wait for the rest of their message. Never more than the limit after `next()` returned nil.
    public var bufferedBytes: Int { buffer.count - start }

    /// True while a message has begun and its end has not come: a deadline belongs to it.
    public var hasPartialMessage: Bool { bufferedBytes > 0 }

    /// Takes what arrived; call `next()` until it returns nil before appending again.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard case .reading = state, !bytes.isEmpty else { return }
        if start == buffer.count, start > 0 { reset() }
        if buffer.count + bytes.count > buffer.capacity {
            // Growing by hand, because the array's own growth would leave the old bytes behind.
            var grown: [UInt8] = []
            grown.reserveCapacity(max(2048, 2 * (buffer.count - start) + bytes.count))
            grown.append(contentsOf: buffer[start...])
            SottoBase.wipe(&buffer)
            buffer = grown
            scanned -= start
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    public mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// The next whole frame, nil when more bytes are needed. For tests and tools: the message inside a `Frame` may be shared, and then
    /// the parser wipes a copy. Where secrets matter, use `next(parsedBy:)`.
    public mutating func next() throws(SIPFramingFault) -> Frame? {
        switch try findFrame() {
        case .message: .message(takeMessage())
        case .keepAlivePing: .keepAlivePing
        case .pong: .pong
        case nil: nil
        }
    }

    /// The next whole frame, parsed from the only copy of its bytes, so that its secrets are wiped in place.
    public mutating func next(parsedBy parser: SIPMessageParser) throws(SIPFramingFault) -> Event? {
        switch try findFrame() {
        case .message:
            var raw = takeMessage()
            do throws(SIPParseError) {
                return .message(try parser.parse(&raw))
            } catch {
                return .refused(error)
            }
        case .keepAlivePing: return .keepAlivePing
        case .pong: return .pong
        case nil: return nil
        }
    }

    /// After a fault with a `statusOwed`: start line and headers of the message at fault, blank line included, once. It parses to a
    /// message to which the answer can be made. May hold credentials until it is parsed.
    public mutating func takeFaultyHead() -> [UInt8]? {
        defer { faultyHead = nil }
        return faultyHead
    }

    /// Wipes all that is buffered: call it when the connection ends.
    public mutating func wipe() {
        SottoBase.wipe(&buffer)
        if var head = faultyHead {
            faultyHead = nil
            SottoBase.wipe(&head)
        }
        start = 0
        scanned = 0
        expected = nil
    }

    // MARK: Steps

    private enum Found {
        /// `expected` bytes are there.
        case message
        case keepAlivePing
        case pong
    }

    private mutating func findFrame() throws(SIPFramingFault) -> Found? {
        if case .faulty(let fault) = state { throw fault }
        if expected == nil {
            if let keepAlive = try takeLineEnds() { return keepAlive }
            guard try findHeadEnd() else { return nil }
        }
        guard let expected, buffer.count - start >= expected.total else { return nil }
        return .message
    }

    private mutating func takeMessage() -> [UInt8] {
        guard let expected else { return [] }
        let message = Array(buffer[start..<start + expected.total])
        consume(expected.total)
        return message
    }

    private mutating func takeLineEnds() throws(SIPFramingFault) -> Found? {
        let available = buffer.count - start
        guard available > 0, buffer[start] == 0x0D || buffer[start] == 0x0A else { return nil }
        guard buffer[start] == 0x0D else { throw fail(.bareLineEnd) }
        guard available > 1 else { return nil }
        guard buffer[start + 1] == 0x0A else { throw fail(.bareLineEnd) }
        if role == .opened || sawLoneLineEnd {
            sawLoneLineEnd = false
            consume(2)
            return role == .opened ? .pong : .keepAlivePing
        }
        if available >= 4, buffer[start + 2] == 0x0D, buffer[start + 3] == 0x0A {
            consume(4)
            return .keepAlivePing
        }
        // "\r\n\r" may become a ping with the next byte.
        if available == 3, buffer[start + 2] == 0x0D { return nil }
        sawLoneLineEnd = true
        consume(2)
        return .pong
    }

    /// True when the head is complete and its Content-Length is known.
    private mutating func findHeadEnd() throws(SIPFramingFault) -> Bool {
        if bufferedBytes == 0 || (bufferedBytes == 1 && buffer[start] == 0x0D) { return false }
        if buffer[start] == 0x0D { return false }
        sawLoneLineEnd = false
        var index = max(scanned, start)
        while index < buffer.count {
            if buffer[index] == 0x0A {
                guard index > start, buffer[index - 1] == 0x0D else { throw fail(.bareLineEnd) }
                if !firstLineChecked {
                    firstLineChecked = true
                    guard looksLikeSIP(index - 1) else { throw fail(.notSIP) }
                }
                if index - start >= 3, buffer[index - 2] == 0x0A {
                    scanned = index + 1
                    let head = index + 1 - start
                    guard head <= limits.message else { throw fail(.headTooLarge) }
                    expected = (head, head + (try contentLength(head)))
                    return true
                }
            }
            index += 1
        }
        scanned = buffer.count
        if bufferedBytes > limits.message || (!firstLineChecked && bufferedBytes > limits.header) {
            throw fail(firstLineChecked ? .headTooLarge : .notSIP)
        }
        return false
    }

    /// The first line starts with `SIP/` or holds ` SIP/`, in any case.
    private func looksLikeSIP(_ end: Int) -> Bool {
        guard end - start <= limits.header else { return false }
        func isName(_ at: Int) -> Bool {
            at + 3 < end && buffer[at] | 0x20 == 0x73 && buffer[at + 1] | 0x20 == 0x69 && buffer[at + 2] | 0x20 == 0x70
                && buffer[at + 3] == 0x2F
        }
        if isName(start) { return true }
        var at = end - 1
        while at > start {
            if buffer[at] == 0x20, isName(at + 1) { return true }
            at -= 1
        }
        return false
    }

    /// The value of the one Content-Length header of the head.
    private mutating func contentLength(_ head: Int) throws(SIPFramingFault) -> Int {
        var found: Int?
        var line = start
        let end = start + head
        while line < end {
            var lineEnd = line
            while lineEnd + 1 < end, !(buffer[lineEnd] == 0x0D && buffer[lineEnd + 1] == 0x0A) { lineEnd += 1 }
            // Continuation lines belong to it (RFC 3261 §7.3.1).
            while lineEnd + 2 < end, buffer[lineEnd + 2] == 0x20 || buffer[lineEnd + 2] == 0x09 {
                lineEnd += 2
                while lineEnd + 1 < end, !(buffer[lineEnd] == 0x0D && buffer[lineEnd + 1] == 0x0A) { lineEnd += 1 }
            }
            if line > start, let value = contentLengthValue(line, lineEnd) {
                guard found == nil else { throw fail(.repeatedContentLength, head: head) }
                found = try number(value, lineEnd, head)
            }
            line = lineEnd + 2
        }
        guard let found else { throw fail(.missingContentLength, head: head) }
        guard head + found <= limits.message else { throw fail(.messageTooLarge, head: head) }
        return found
    }

    /// Where the value starts when the line's name is Content-Length or `l`.
    private func contentLengthValue(_ line: Int, _ end: Int) -> Int? {
        let bytes = buffer.span
        var index = line
        guard index < end, bytes[index] | 0x20 == 0x63 || bytes[index] | 0x20 == 0x6C else { return nil }
        guard Scan.run(.token, bytes, &index, end), SIPHeaderName.lookup(bytes, line, index) == .contentLength else { return nil }
        Scan.skipSpace(bytes, &index, end)
        guard index < end, bytes[index] == 0x3A else { return nil }
        return index + 1
    }

    private mutating func number(_ from: Int, _ end: Int, _ head: Int) throws(SIPFramingFault) -> Int {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
        var lower = from
        var upper = end
        while lower < upper, isSpace(buffer[lower]) { lower += 1 }
        while upper > lower, isSpace(buffer[upper - 1]) { upper -= 1 }
        if lower < upper, buffer[lower] == 0x2D { throw fail(.negativeContentLength, head: head) }
        guard lower < upper else { throw fail(.malformedContentLength, head: head) }
        var value = 0
        for index in lower..<upper {
            guard buffer[index] &- 0x30 < 10 else { throw fail(.malformedContentLength, head: head) }
            value = value * 10 + Int(buffer[index] &- 0x30)
            guard value <= limits.message else { throw fail(.messageTooLarge, head: head) }
        }
        return value
    }

    // MARK: Buffer

    private mutating func fail(_ rule: SIPFramingFault.Rule, head: Int = 0) -> SIPFramingFault {
        let fault = SIPFramingFault(rule: rule)
        state = .faulty(fault)
        let kept = head > 0 ? Array(buffer[start..<start + head]) : nil
        wipe()
        faultyHead = kept
        return fault
    }

    private mutating func consume(_ count: Int) {
        buffer.withUnsafeMutableBytes { all in
            if let base = all.baseAddress { SottoBase.wipe(base + start, count: count) }
        }
        start += count
        scanned = start
        expected = nil
        firstLineChecked = false
        if start == buffer.count { reset() }
    }

    /// The consumed bytes were wiped already.
    private mutating func reset() {
        buffer.removeAll(keepingCapacity: buffer.capacity <= 8192)
        start = 0
        scanned = 0
    }
}
