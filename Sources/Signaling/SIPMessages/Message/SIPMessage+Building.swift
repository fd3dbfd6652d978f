public import SottoBase

extension SIPRequest {
    /// A new request with what RFC 3261 §8.1.1 demands. `from` carries our tag; `to` the remote tag inside a dialog.
    public init(
        _ method: SIPMethod, _ requestURI: SIPURI, via: Via, from: NameAddress, to: NameAddress, callID: SIPCallID, cseq: UInt32,
        maxForwards: UInt8 = 70
    ) {
        var fields = SIPFields()
        fields.vias = [via]
        fields.from = from
        fields.to = to
        fields.callID = callID
        fields.cseq = CSeq(cseq, method)
        fields.maxForwards = maxForwards
        self.init(method: method, requestURI: requestURI, fields: fields)
    }

    /// Marks the topmost Via with where the request came from (RFC 3261 §18.2.1, RFC 3581 §4): before anything is answered.
    public mutating func markReceived(from source: PeerAddress) {
        guard let top = fields.vias.first else { return }
        fields.vias[0] = top.filled(from: source)
    }

    /// The number that was called: of the Request-URI, never of To.
    public var calledNumber: String? { requestURI.calledNumber }
}

extension SIPResponse {
    /// A response to `request` (RFC 3261 §8.2.6): Via, From, To, Call-ID and CSeq copied as they came, `toTag` added when To has none
    /// (never for 100), Timestamp copied into a 100, Record-Route copied into a 101–299 (§12.1.1).
    ///
    /// Make it from a request on which `markReceived(from:)` was called. Contact and the rest is the caller's.
    public init(_ status: UInt16, reasonPhrase: WireText? = nil, to request: SIPRequest, toTag: WireText? = nil) {
        var fields = SIPFields()
        fields.vias = request.vias
        fields.from = request.from
        fields.to = request.to
        fields.callID = request.callID
        fields.cseq = request.cseq
        if status > 100, let toTag, request.to.isWellFormed, request.to.tag == nil { fields.to = request.to.withTag(toTag) }
        if status > 100, status < 300 { fields.recordRoutes = request.recordRoutes }
        if status == 100 { fields.headers = request.headers.filter { $0.name == .timestamp } }
        self.init(status: status, reasonPhrase: reasonPhrase ?? WireText(Self.reasonPhrase(status).description), fields: fields)
    }

    /// The response that the validator asks for, with the headers it owes.
    public init(_ owed: SIPStatusOwed, to request: SIPRequest, toTag: WireText? = nil) {
        self.init(owed.status, reasonPhrase: WireText(owed.reasonPhrase), to: request, toTag: toTag)
        fields.headers += owed.headers
    }

    /// RFC 3261 §21 and the registry's later additions; the class's name for the rest.
    public static func reasonPhrase(_ status: UInt16) -> StaticString {
        switch status {
        case 100: "Trying"
        case 180: "Ringing"
        case 181: "Call Is Being Forwarded"
        case 182: "Queued"
        case 183: "Session Progress"
        case 199: "Early Dialog Terminated"
        case 200: "OK"
        case 202: "Accepted"
        case 204: "No Notification"
        case 300: "Multiple Choices"
        case 301: "Moved Permanently"
        case 302: "Moved Temporarily"
        case 305: "Use Proxy"
        case 380: "Alternative Service"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 402: "Payment Required"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 406: "Not Acceptable"
        case 407: "Proxy Authentication Required"
        case 408: "Request Timeout"
        case 410: "Gone"
        case 412: "Conditional Request Failed"
        case 413: "Request Entity Too Large"
        case 414: "Request-URI Too Long"
        case 415: "Unsupported Media Type"
        case 416: "Unsupported URI Scheme"
        case 420: "Bad Extension"
        case 421: "Extension Required"
        case 422: "Session Interval Too Small"
        case 423: "Interval Too Brief"
        case 428: "Use Identity Header"
        case 430: "Flow Failed"
        case 433: "Anonymity Disallowed"
        case 436: "Bad Identity-Info"
        case 437: "Unsupported Credential"
        case 438: "Invalid Identity Header"
        case 440: "Max-Breadth Exceeded"
        case 469: "Bad Info Package"
        case 480: "Temporarily Unavailable"
        case 481: "Call/Transaction Does Not Exist"
        case 482: "Loop Detected"
        case 483: "Too Many Hops"
        case 484: "Address Incomplete"
        case 485: "Ambiguous"
        case 486: "Busy Here"
        case 487: "Request Terminated"
        case 488: "Not Acceptable Here"
        case 489: "Bad Event"
        case 491: "Request Pending"
        case 493: "Undecipherable"
        case 494: "Security Agreement Required"
        case 500: "Server Internal Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Server Time-out"
        case 505: "Version Not Supported"
        case 513: "Message Too Large"
        case 580: "Precondition Failure"
        case 600: "Busy Everywhere"
        case 603: "Decline"
        case 604: "Does Not Exist Anywhere"
        case 606: "Not Acceptable"
        case 607: "Unwanted"
        case 608: "Rejected"
        case ..<200: "Session Progress"
        case ..<300: "OK"
        case ..<400: "Redirection"
        case ..<500: "Bad Request"
        case ..<600: "Server Error"
        default: "Global Failure"
        }
    }
}
