internal import SottoBase

/// A request target's path and query. Every name that we use is of `[a-z0-9-]`, so nothing is percent-decoded: a `%` fits no route.
struct RequestTarget {
    let path: [Substring]
    let query: [Substring: Substring]

    /// nil for what is not `/segment/segment?key=value&key=value` with each key once.
    init?(_ target: String) {
        guard target.utf8.count <= 1_024, target.utf8.first == 0x2F, target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return nil
        }
        let halves = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = halves[0].dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        var query: [Substring: Substring] = [:]
        if halves.count == 2 {
            for pair in halves[1].split(separator: "&", omittingEmptySubsequences: false) {
                let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, query.updateValue(parts[1], forKey: parts[0]) == nil else { return nil }
            }
        }
        self.query = query
    }
}

/// The shapes of targets below `/v1`.
enum Route {
    case status, calls, events, reload, drain, records, search, audit, auditKey
    case trace(Substring)
    case endCall(Substring)
    case record(tenant: Substring, call: Substring)
    case export(tenant: Substring, call: Substring)

    init?(_ path: [Substring]) {
        guard path.first == "v1" else { return nil }
        let rest = path.dropFirst().map { $0 }
        switch rest.count {
        case 1:
            switch rest[0] {
            case "status": self = .status
            case "calls": self = .calls
            case "events": self = .events
            case "reload": self = .reload
            case "drain": self = .drain
            case "records": self = .records
            case "audit": self = .audit
            default: return nil
            }
        case 2:
            switch (rest[0], rest[1]) {
            case ("records", "search"): self = .search
            case ("audit", "key"): self = .auditKey
            default: return nil
            }
        case 3:
            switch (rest[0], rest[2]) {
            case ("calls", "trace"): self = .trace(rest[1])
            case ("calls", "end"): self = .endCall(rest[1])
            case ("records", _): self = .record(tenant: rest[1], call: rest[2])
            default: return nil
            }
        case 4:
            guard rest[0] == "records", rest[3] == "audio" else { return nil }
            self = .export(tenant: rest[1], call: rest[2])
        default: return nil
        }
    }

    var method: String {
        switch self {
        case .status, .calls, .events, .trace, .records, .audit, .auditKey, .record, .export: "GET"
        case .reload, .drain, .search, .endCall: "POST"
        }
    }

    var hasBody: Bool {
        if case .search = self { true } else { false }
    }

    func request(_ query: [Substring: Substring], body: [UInt8]) throws(AdministrationRefusal) -> AdministrationRequest {
        let known = knownParameters
        guard query.keys.allSatisfy({ known.contains(String($0)) }) else {
            throw .badRequest("there is a parameter that this resource does not know")
        }
        switch self {
        case .status: return .status
        case .calls: return .calls
        case .events: return .events
        case .reload: return .reload
        case .drain: return .drain
        case .auditKey: return .auditKey
        case .records:
            guard let tenant = query["tenant"] else { throw .badRequest("the parameter tenant is missing") }
            return .records(try Self.tenant(tenant), limit: try Self.limit(query["limit"]))
        case .search:
            guard let search = AdministrationJSON.decode(RecordSearch.self, from: body) else {
                throw .badRequest("the body is not {\"tenant\": …, \"number\": …, \"limit\": …}")
            }
            guard (1...AdministrationRequest.longestNumber).contains(search.number.utf8.count),
                search.number.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else { throw .badRequest("the number is empty, too long, or not of printable characters") }
            return .searchRecords(
                try Self.tenant(search.tenant[...]), number: search.number,
                limit: try Self.checked(search.limit ?? AdministrationRequest.standardLimit))
        case .audit:
            var first: UInt64 = 0
            if let text = query["from"] {
                guard let number = Self.number(text) else { throw .badRequest("from is not a sequence number") }
                first = number
            }
            return .audit(from: first, limit: try Self.limit(query["limit"]))
        case .trace(let call): return .trace(try Self.call(call))
        case .endCall(let call): return .endCall(try Self.call(call))
        case .record(let tenant, let call): return .record(try Self.call(call), tenant: try Self.tenant(tenant))
        case .export(let tenant, let call): return .export(try Self.call(call), tenant: try Self.tenant(tenant))
        }
    }

    private var knownParameters: Set<String> {
        switch self {
        case .records: ["tenant", "limit"]
        case .audit: ["from", "limit"]
        case .status, .calls, .events, .reload, .drain, .search, .auditKey, .trace, .endCall, .record, .export: []
        }
    }

    private static func tenant(_ text: Substring) throws(AdministrationRefusal) -> TenantName {
        guard let name = TenantName(String(text)) else { throw .badRequest("that is not a tenant's name", hint: "a-z, 0-9 and hyphens") }
        return name
    }

    private static func call(_ text: Substring) throws(AdministrationRefusal) -> CallID {
        guard let call = CallID(text) else { throw .badRequest("that is not a call's id", hint: "26 letters and digits: see sotto calls") }
        return call
    }

    private static func limit(_ text: Substring?) throws(AdministrationRefusal) -> Int {
        guard let text else { return AdministrationRequest.standardLimit }
        guard let number = number(text), let value = Int(exactly: number) else { throw .badRequest("limit is not a number") }
        return try checked(value)
    }

    private static func checked(_ limit: Int) throws(AdministrationRefusal) -> Int {
        guard (1...AdministrationRequest.largestLimit).contains(limit) else {
            throw .badRequest("limit is 1 to \(AdministrationRequest.largestLimit)")
        }
        return limit
    }

    /// Digits alone, without a sign.
    private static func number(_ text: Substring) -> UInt64? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt64(text) : nil
    }
}
