public import SottoBase

/// Everything that can be asked over the admin socket, as both ends know it: a method, a target below `/v1`, sometimes a JSON body.
///
/// | request | method and target |
/// |---|---|
/// | status, calls, auditKey | GET /v1/status, /v1/calls, /v1/audit/key |
/// | events | GET /v1/events: one JSON object a line, until the reader goes away |
/// | endCall, reload, drain | POST /v1/calls/CALL/end, /v1/reload, /v1/drain |
/// | trace | GET /v1/calls/CALL/trace |
/// | records | GET /v1/records?tenant=T&limit=N |
/// | searchRecords | POST /v1/records/search with `{"tenant", "number", "limit"}`: a number is never in a URL |
/// | record, export | GET /v1/records/T/CALL, /v1/records/T/CALL/audio |
/// | audit | GET /v1/audit?from=S&limit=N |
public enum AdministrationRequest: Hashable, Sendable {
    case status
    case calls
    case events
    case trace(CallID)
    case endCall(CallID)
    case reload
    case drain
    case records(TenantName, limit: Int)
    case searchRecords(TenantName, number: String, limit: Int)
    case record(CallID, tenant: TenantName)
    case export(CallID, tenant: TenantName)
    case audit(from: UInt64, limit: Int)
    case auditKey

    /// How many records or entries one answer holds at most, and when nothing is said.
    public static let largestLimit = 1_000
    public static let standardLimit = 100
    /// Longest number that is searched for, in bytes: an E.164 number or a SIP user with room to spare.
    public static let longestNumber = 128

    public var method: String {
        switch self {
        case .status, .calls, .events, .trace, .records, .record, .export, .audit, .auditKey: "GET"
        case .endCall, .reload, .drain, .searchRecords: "POST"
        }
    }

    public var target: String {
        switch self {
        case .status: "/v1/status"
        case .calls: "/v1/calls"
        case .events: "/v1/events"
        case .trace(let call): "/v1/calls/\(call)/trace"
        case .endCall(let call): "/v1/calls/\(call)/end"
        case .reload: "/v1/reload"
        case .drain: "/v1/drain"
        case .records(let tenant, let limit): "/v1/records?tenant=\(tenant)&limit=\(limit)"
        case .searchRecords: "/v1/records/search"
        case .record(let call, let tenant): "/v1/records/\(tenant)/\(call)"
        case .export(let call, let tenant): "/v1/records/\(tenant)/\(call)/audio"
        case .audit(let first, let limit): "/v1/audit?from=\(first)&limit=\(limit)"
        case .auditKey: "/v1/audit/key"
        }
    }

    /// The JSON body; nil when there is none.
    public var body: [UInt8]? {
        guard case .searchRecords(let tenant, let number, let limit) = self else { return nil }
        return AdministrationJSON.encode(RecordSearch(tenant: tenant.text, number: number, limit: limit))
    }

    /// Reads a request. Whatever the bytes are: a request, or the answer that is owed.
    public static func read(
        method: String, target: String, body: [UInt8]
    ) -> Result<AdministrationRequest, AdministrationRefusal> {
        guard let parts = RequestTarget(target) else { return .failure(.badRequest("the target cannot be read")) }
        guard let route = Route(parts.path) else { return .failure(.noSuchResource) }
        guard method == route.method else { return .failure(.wrongMethod(allowed: route.method)) }
        do throws(AdministrationRefusal) {
            if route.hasBody == false, !body.isEmpty { throw .badRequest("this request has no body") }
            return .success(try route.request(parts.query, body: body))
        } catch {
            return .failure(error)
        }
    }
}

/// The answer to a request that never reached the daemon's service.
public struct AdministrationRefusal: Error, Hashable, Sendable {
    /// HTTP status, 400 to 599.
    public let status: Int
    public let problem: AdministrationProblem
    /// What the `Allow` header of a 405 says.
    public let allowed: String?

    public init(status: Int, _ problem: AdministrationProblem, allowed: String? = nil) {
        self.status = status
        self.problem = problem
        self.allowed = allowed
    }

    public static func badRequest(_ detail: String, hint: String? = nil) -> AdministrationRefusal {
        AdministrationRefusal(status: 400, AdministrationProblem(.badRequest, detail, hint: hint))
    }

    static var noSuchResource: AdministrationRefusal {
        AdministrationRefusal(
            status: 404,
            AdministrationProblem(.notFound, "there is no such resource", hint: "sotto and sottod may be of different versions"))
    }

    static func wrongMethod(allowed: String) -> AdministrationRefusal {
        AdministrationRefusal(
            status: 405, AdministrationProblem(.badRequest, "this resource is asked with \(allowed)"), allowed: allowed)
    }
}

struct RecordSearch: Codable, Sendable {
    var tenant: String
    var number: String
    var limit: Int?
}
