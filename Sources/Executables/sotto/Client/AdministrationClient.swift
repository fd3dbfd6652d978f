import AdministrationAPI

/// Asks the daemon: one connection a request.
struct AdministrationClient {
    let socket: String

    /// Largest report that is read, in bytes.
    private static let largestReport = 128 * 1_024 * 1_024
    /// Longer than the daemon's own bound for an answer, so that its words come first.
    private static let patience = 90

    func report<Report: Decodable>(_ type: Report.Type, _ request: AdministrationRequest) throws(Failure) -> Report {
        var answer = try open(request, patience: Self.patience)
        let bytes = try answer.whole(limit: Self.largestReport)
        guard let report = AdministrationJSON.decode(type, from: bytes) else {
            throw Failure(.fault, "the daemon's answer is not understood", hint: "sotto and sottod may be of different versions")
        }
        return report
    }

    /// For requests that answer nothing but that they are done.
    func command(_ request: AdministrationRequest) throws(Failure) {
        var answer = try open(request, patience: Self.patience)
        _ = try answer.whole(limit: Self.largestReport)
    }

    /// The body in pieces, as they come.
    func pieces(_ request: AdministrationRequest, _ body: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        var answer = try open(request, patience: Self.patience)
        while let piece = try answer.next() { try body(piece) }
    }

    /// Each event when it happens, until `body` returns false or the daemon ends the stream.
    func events(_ body: (EventReport) throws(Failure) -> Bool) throws(Failure) {
        var answer = try open(.events, patience: nil)
        var pending: [UInt8] = []
        while let piece = try answer.next() {
            pending += piece
            while let end = pending.firstIndex(of: 0x0A) {
                let line = Array(pending[..<end])
                pending.removeSubrange(...end)
                guard let event = AdministrationJSON.decode(EventReport.self, from: line) else {
                    throw Failure(.fault, "an event is not understood", hint: "sotto and sottod may be of different versions")
                }
                guard try body(event) else { return }
            }
            guard pending.count <= 1_024 * 1_024 else { throw Failure(.fault, "an event is too long") }
        }
    }

    /// Sends the request and reads the answer's head; a problem becomes a failure.
    private func open(_ request: AdministrationRequest, patience: Int?) throws(Failure) -> HTTPAnswer {
        let connection = try UnixConnection.open(socket, patience: patience)
        var bytes = Array("\(request.method) \(request.target) HTTP/1.1\r\nHost: sotto\r\nConnection: close\r\n".utf8)
        if let body = request.body {
            bytes += Array("Content-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body
        } else {
            bytes += request.method == "POST" ? Array("Content-Length: 0\r\n\r\n".utf8) : Array("\r\n".utf8)
        }
        // What was said before the daemon closed is worth reading: it says why.
        _ = try connection.send(bytes)
        var answer = try HTTPAnswer.read(connection)
        guard answer.status != 200 else { return answer }
        let body = try answer.whole(limit: 65_536)
        guard let problem = AdministrationJSON.decode(AdministrationProblem.self, from: body) else {
            throw Failure(.fault, "the daemon refused with HTTP status \(answer.status)")
        }
        throw Failure(problem)
    }
}
