import AdministrationAPI
import SottoBase
import Testing

@Suite struct RequestTests {
    static let requests: [AdministrationRequest] = {
        guard let tenant = FakeService.tenant else { return [] }
        let call = FakeService.call
        return [
            .status, .calls, .events, .trace(call), .endCall(call), .reload, .drain, .records(tenant, limit: 7),
            .searchRecords(tenant, number: "+49301234", limit: 8), .record(call, tenant: tenant), .export(call, tenant: tenant),
            .audit(from: 18_446_744_073_709_551_615, limit: 1_000), .auditKey,
        ]
    }()

    @Test(arguments: requests) func requestIsReadAsItWasWritten(_ request: AdministrationRequest) {
        let read = AdministrationRequest.read(method: request.method, target: request.target, body: request.body ?? [])
        #expect(read == .success(request))
    }

    @Test func numberIsNeverInTheTarget() throws {
        let request = AdministrationRequest.searchRecords(try #require(FakeService.tenant), number: "4930123456", limit: 1)
        #expect(!request.target.contains("4930123456"))
    }

    @Test func limitHasAStandard() throws {
        let tenant = try #require(FakeService.tenant)
        #expect(
            AdministrationRequest.read(method: "GET", target: "/v1/records?tenant=acme", body: []) == .success(.records(tenant, limit: 100))
        )
        #expect(AdministrationRequest.read(method: "GET", target: "/v1/audit", body: []) == .success(.audit(from: 0, limit: 100)))
        let body = Array("{\"tenant\":\"acme\",\"number\":\"1\"}".utf8)
        #expect(
            AdministrationRequest.read(method: "POST", target: "/v1/records/search", body: body)
                == .success(.searchRecords(tenant, number: "1", limit: 100)))
    }

    @Test(arguments: [
        "/", "", "/v1", "/v1/", "/v2/status", "/v1/status/", "//v1/status", "/v1/calls/x", "/v1/records/acme", "/v1/records/a/b/c/d",
        "/v1/%73tatus", "/v1/../v1/status",
    ])
    func unknownTargetsAreNotFound(_ target: String) {
        let status = AdministrationRequest.read(method: "GET", target: target, body: []).refusal?.status
        #expect(status == 404 || (target.isEmpty && status == 400))
    }

    @Test(arguments: [
        "/v1/records", "/v1/records?tenant=", "/v1/records?tenant=Acme", "/v1/records?tenant=a/b", "/v1/records?tenant=acme&tenant=acme",
        "/v1/records?tenant=acme&limit=0", "/v1/records?tenant=acme&limit=1001", "/v1/records?tenant=acme&limit=-1",
        "/v1/records?tenant=acme&limit=99999999999999999999", "/v1/records?tenant=acme&number=49", "/v1/records?tenant",
        "/v1/status?x=1", "/v1/audit?from=-1", "/v1/audit?from=18446744073709551616", "/v1/records/acme/nocall",
        "/v1/records/UP/00000000000000000000000000", "/v1/status?", "/v1/st atus", "/v1/stätus",
    ])
    func wrongArgumentsAreRefused(_ target: String) {
        #expect(AdministrationRequest.read(method: "GET", target: target, body: []).refusal?.status == 400)
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"tenant\":\"acme\"}", "{\"tenant\":\"acme\",\"number\":\"\"}", "{\"tenant\":\"acme\",\"number\":\"1\\u0000\"}",
        "{\"tenant\":\"acme\",\"number\":\"1\",\"limit\":0}", "{\"tenant\":\"acme\",\"number\":\"1\",\"limit\":1e99}", "\u{FEFF}nonsense",
    ])
    func wrongSearchesAreRefused(_ body: String) {
        #expect(AdministrationRequest.read(method: "POST", target: "/v1/records/search", body: Array(body.utf8)).refusal?.status == 400)
    }

    @Test func wrongMethodNamesTheRightOne() {
        #expect(AdministrationRequest.read(method: "GET", target: "/v1/reload", body: []).refusal?.allowed == "POST")
        #expect(AdministrationRequest.read(method: "DELETE", target: "/v1/status", body: []).refusal?.status == 405)
        #expect(AdministrationRequest.read(method: "HEAD", target: "/v1/status", body: []).refusal?.allowed == "GET")
    }

    @Test func bodyWhereThereIsNoneIsRefused() {
        #expect(AdministrationRequest.read(method: "POST", target: "/v1/drain", body: [0x7B]).refusal?.status == 400)
    }

    /// Whatever the bytes are, there is an answer.
    @Test func noTargetTraps() {
        var chance: UInt64 = 7
        func below(_ bound: Int) -> Int {
            chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((chance >> 33) % UInt64(bound))
        }
        for _ in 0..<2_000 {
            var target = Array(Self.requests[below(Self.requests.count)].target.utf8)
            for _ in 0...below(4) { target[below(target.count)] = UInt8(below(256)) }
            let body = (0..<below(64)).map { _ in UInt8(below(256)) }
            _ = AdministrationRequest.read(method: "GET", target: String(decoding: target, as: UTF8.self), body: [])
            #expect(AdministrationRequest.read(method: "POST", target: "/v1/records/search", body: body).refusal?.status == 400)
        }
    }

    @Test func everyProblemHasItsStatus() {
        #expect(AdministrationProblem.Kind.allCases.map(\.httpStatus) == [403, 404, 400, 503, 500])
    }
}

extension Result where Failure == AdministrationRefusal {
    var refusal: AdministrationRefusal? { if case .failure(let refusal) = self { refusal } else { nil } }
}
