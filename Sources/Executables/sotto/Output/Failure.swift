import AdministrationAPI

/// How a command ends: yes, no, then the codes of sysexits.h.
enum Code: Int32, Sendable {
    case no = 1
    case usage = 64
    case data = 65
    case unavailable = 69
    case fault = 70
    case cannotCreate = 73
    case tryAgain = 75
    case permission = 77
    case configuration = 78
}

/// Why a command did not end with yes. Without a message everything has been said already.
struct Failure: Error, Equatable, Sendable {
    var code: Code
    var message: String?
    var hint: String?

    init(_ code: Code, _ message: String? = nil, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    init(_ problem: AdministrationProblem) {
        switch problem.kind {
        case .forbidden: code = .permission
        case .notFound: code = .no
        case .badRequest: code = .usage
        case .unavailable: code = .tryAgain
        case .failed: code = .fault
        }
        message = problem.detail
        hint = problem.hint
        if problem.kind == .forbidden, hint == nil { hint = "roles are given by [[admin.role]] in sotto.toml" }
    }

    private struct Report: Encodable {
        struct Problem: Encodable {
            var code: Int32
            var detail: String
            var hint: String?
        }
        var problem: Problem
    }

    func report(asJSON: Bool) {
        guard let message else { return }
        if asJSON {
            let report = Report(problem: Report.Problem(code: code.rawValue, detail: message, hint: hint))
            Terminal.error(String(decoding: AdministrationJSON.encode(report), as: UTF8.self))
        } else {
            Terminal.error("sotto: " + Terminal.harmless(message))
            if let hint { Terminal.error("  hint: " + Terminal.harmless(hint)) }
        }
    }
}
