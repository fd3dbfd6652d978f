import DurableFiles
import Foundation
import SottoBase
import SottoCrypto
import Synchronization

@testable import Keys

/// A folder of its own for one test, removed behind it.
final class Scratch: Sendable {
    let path: String
    init() {
        path = NSTemporaryDirectory() + "sotto-keys-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Both clocks of a hierarchy, moved by the test.
final class Clocks: Sendable {
    private let seconds = Mutex(Int64(0))
    func advance(_ by: Int64) { seconds.withLock { $0 += by } }
    var now: Instant { Instant(nanoseconds: seconds.withLock { $0 } * 1_000_000_000) }
    var wall: WallTime { WallTime(milliseconds: 1_764_000_000_000 + seconds.withLock { $0 } * 1_000) }
}

/// A service that can be taken away, and counts what it is asked.
final class SwitchedService: KeyService {
    struct State {
        var isReachable = true
        var operations = 0
        /// What `unwrap` gives back instead, to play a service that mixes its answers up.
        var substitute: SecretBytes?
    }

    let recipient = "local"
    let real: LocalKeyService
    let state = Mutex(State())

    init(_ real: LocalKeyService) { self.real = real }

    private func ask() throws(KeyServiceError) {
        let isReachable = state.withLock { state in
            state.operations += 1
            return state.isReachable
        }
        if !isReachable { throw .unreachable(reason: "switched off by the test") }
    }

    func wrap(_ payload: SecretBytes, under key: ServiceKeyName) throws(KeyServiceError) -> [UInt8] {
        try ask()
        return try real.wrap(payload, under: key)
    }
    func unwrap(_ wrapped: [UInt8], under key: ServiceKeyName) throws(KeyServiceError) -> SecretBytes {
        try ask()
        if let substitute = state.withLock({ $0.substitute }) { return substitute }
        return try real.unwrap(wrapped, under: key)
    }
    func generate(_ key: ServiceKeyName) throws(KeyServiceError) {
        try ask()
        try real.generate(key)
    }
    func describe(_ key: ServiceKeyName) throws(KeyServiceError) -> ServiceKeyDescription { try real.describe(key) }
    func health() -> KeyServiceHealth {
        state.withLock { $0.isReachable } ? real.health() : .unreachable(reason: "switched off by the test")
    }
}

struct House {
    let scratch = Scratch()
    let clocks = Clocks()
    let service: SwitchedService
    let keys: KeyHierarchy

    init(settings: KeyHierarchy.Settings = .init()) throws {
        let local = try LocalKeyService(root: RandomBytes.secret(count: 32), folder: scratch.path + "/service")
        service = SwitchedService(local)
        keys = try Self.hierarchy(service, scratch, clocks, settings)
    }

    static func hierarchy(
        _ service: SwitchedService, _ scratch: Scratch, _ clocks: Clocks, _ settings: KeyHierarchy.Settings = .init()
    ) throws -> KeyHierarchy {
        try KeyHierarchy(
            service: service, folder: scratch.path + "/keys", settings: settings, now: { clocks.now }, wallTime: { clocks.wall })
    }
}

func tenant(_ name: String) -> TenantName {
    guard let tenant = TenantName(name) else { preconditionFailure("a tenant's name") }
    return tenant
}

let acme = tenant("acme")
let globex = tenant("globex")
let firstCall = CallID(high: 1, low: 2)
let secondCall = CallID(high: 1, low: 3)
