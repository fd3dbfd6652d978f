// swift-tools-version: 6.2
import PackageDescription

// The map of the house: one group of targets per wing, and each target's dependencies are its doors.
// Arrows run one way; `Scripts/check-house` proves what the build alone cannot (cores that import no I/O, also transitively).
//
// SOTTO_ROOMS=Redaction,SIPMessages restricts the package to these targets, what they depend on and their tests,
// so that one room can be built and tested without its neighbours.

// MARK: - Kinds of room

let common: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// A room of the house. Only SottoBase, Redaction and Policy share `package` access: they alone open `Clear` and make `Masked`.
func room(_ name: String, _ wing: String, _ doors: [Target.Dependency] = [], opensClear: Bool = false) -> Target {
    .target(
        name: name, dependencies: doors, path: "Sources/\(wing)/\(name)",
        resources: resources[name] ?? [],
        packageAccess: opensClear, swiftSettings: common)
}

/// A system library: a module map and `static inline` wrappers in its own shim.h.
func system(_ name: String, _ pkgConfig: String? = nil) -> Target {
    .systemLibrary(name: name, path: "Sources/Platform/\(name)", pkgConfig: pkgConfig)
}

func tests(_ name: String, _ doors: [Target.Dependency] = [], fixtures: [Resource] = []) -> Target {
    .testTarget(
        name: name + "Tests", dependencies: [.target(name: name), "SottoTestKit"] + doors,
        path: "Tests/\(name)Tests", resources: fixtures, packageAccess: testsThatMayOpenClear.contains(name), swiftSettings: common)
}

let testsThatMayOpenClear: Set = ["SottoBase", "Redaction", "Policy", "Speech", "Dialogue", "SottoServer", "SealedStorage"]

let resources: [String: [Resource]] = [
    "Consent": [.embedInCode("Facts/consent.toml")]
]

// MARK: - Outside

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let packages: [(names: Set<String>, Package.Dependency)] = [
    (["swift-nio"], .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2")),
    (["swift-log"], .package(url: "https://github.com/apple/swift-log", exact: "1.16.2")),
    (["swift-argument-parser"], .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")),
    (["GRDB.swift"], .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0")),
]

// MARK: - The house

let base: [Target] = [
    system("CLockedMemory"),
    room("SottoBase", "Base", ["CLockedMemory"], opensClear: true),
]

let platform: [Target] = [
    system("COpenSSL", "openssl"),
    system("CSRTP", "libsrtp2"),
    system("COpus", "opus"),
    system("CSystemd", "libsystemd"),
    system("CPocketSphinx", "pocketsphinx"),
    system("CFlite"),
    system("CEpoll"),
    system("CAres", "libcares"),
    system("CProcess"),
    system("CProviderProcess"),
    .target(name: "CTOML", path: "Sources/Platform/CTOML"),
    room("SottoCrypto", "Platform", ["COpenSSL", "SottoBase"]),
    room("SottoTLS", "Platform", ["COpenSSL", "SottoBase", nio]),
    room("DurableFiles", "Platform", ["SottoBase"]),
]

let signaling: [Target] = [
    room("SIPMessages", "Signaling", ["SottoBase"]),
    room("SDP", "Signaling", ["SottoBase"]),
    room("SIPSessions", "Signaling", ["SIPMessages", "SottoBase"]),
    room("SIPTransport", "Signaling", ["SIPSessions", "SIPMessages", "SottoTLS", "CAres", "SottoBase", nio, nioPosix]),
]

let media: [Target] = [
    room("RTP", "Media", ["SottoBase"]),
    room("SRTP", "Media", ["RTP", "CSRTP", "SottoBase"]),
    room("Audio", "Media", ["COpus", "SottoBase"]),
    room("DTMF", "Media", ["RTP", "Audio", "SottoBase"]),
    room("MediaPlane", "Media", ["RTP", "SRTP", "Audio", "DTMF", "SottoTLS", "CEpoll", "SottoBase"]),
]

let protection: [Target] = [
    room("Redaction", "Protection", ["SottoBase"], opensClear: true),
    room("Consent", "Protection", ["Policy", "SottoBase"]),
]

let custody: [Target] = [
    room("Keys", "Custody", ["SottoCrypto", "DurableFiles", "SottoBase"]),
    room("SealedStorage", "Custody", ["Keys", "SottoCrypto", "DurableFiles", "SottoBase", grdb]),
    room("AuditLog", "Custody", ["SottoCrypto", "DurableFiles", "SottoBase"]),
]

let voice: [Target] = [
    room("ProviderProcesses", "Voice", ["CProviderProcess", "SottoBase"]),
    room("Speech", "Voice", ["ProviderProcesses", "Redaction", "CPocketSphinx", "CFlite", "SottoBase"]),
    room("Dialogue", "Voice", ["Speech", "ProviderProcesses", "Redaction", "SottoBase"]),
]

let policy: [Target] = [
    room("Policy", "Policy", ["SottoBase"], opensClear: true),
    room("SottoConfiguration", "Policy", ["Policy", "CTOML", "SottoCrypto", "SottoBase"]),
]

let defence: [Target] = [
    room("Admission", "Defence", ["Policy", "SottoBase"])
]

let gateway: [Target] = [
    room("Calls", "Gateway", ["SIPSessions", "SIPMessages", "SDP", "Policy", "Consent", "Admission", "SottoBase"]),
    room("AdministrationAPI", "Gateway", ["SottoBase"]),
    room("Administration", "Gateway", ["AdministrationAPI", "SottoBase", nio, nioPosix, nioHTTP1]),
    room(
        "SottoServer", "Gateway",
        [
            "Calls", "SIPTransport", "SIPSessions", "SIPMessages", "SDP", "SottoTLS", "MediaPlane", "Audio", "RTP", "SRTP", "DTMF",
            "Redaction", "Consent", "Keys", "SealedStorage", "AuditLog", "DurableFiles", "Speech", "ProviderProcesses", "Dialogue", "Policy",
            "SottoConfiguration", "Admission", "AdministrationAPI", "Administration", "SottoCrypto", "CSystemd", "CProcess", "SottoBase",
            nio, nioPosix, log,
        ]),
]

let executables: [Target] = [
    .executableTarget(
        name: "sottod", dependencies: ["SottoServer", "SottoBase"], path: "Sources/Executables/sottod", packageAccess: false,
        swiftSettings: common),
    .executableTarget(
        name: "sotto",
        dependencies: [
            "AdministrationAPI", "SottoConfiguration", "Policy", "AuditLog", "Keys", "DurableFiles", "SottoCrypto", "SottoBase", arguments,
        ],
        path: "Sources/Executables/sotto", packageAccess: false, swiftSettings: common),
]

let testKit: [Target] = [
    // Fuzz entry points; replayed by the tests of the same names, driven by libFuzzer in fuzz-signaling, fuzz-media and fuzz-readers.
    .target(name: "FuzzKit", path: "Tests/Fuzz/Kit", packageAccess: false, swiftSettings: common),
    .target(
        name: "SignalingFuzz", dependencies: ["FuzzKit", "SIPMessages", "SDP", "SottoBase"], path: "Tests/Fuzz/Signaling",
        packageAccess: false, swiftSettings: common),
    .target(
        name: "MediaFuzz", dependencies: ["FuzzKit", "RTP", "SRTP", "Audio", "DTMF", "SottoBase"], path: "Tests/Fuzz/Media",
        packageAccess: false, swiftSettings: common),
    .target(
        name: "ReadersFuzz",
        dependencies: [
            "FuzzKit", "SIPTransport", "SottoTLS", "AdministrationAPI", "SottoConfiguration", "Policy", "AuditLog", "SealedStorage", "Keys",
            "ProviderProcesses", "Speech", "Dialogue", "SottoBase",
        ],
        path: "Tests/Fuzz/Readers", packageAccess: false, swiftSettings: common),
    .target(name: "SottoTestKit", dependencies: ["SottoBase"], path: "Tests/SottoTestKit", packageAccess: false, swiftSettings: common),
    .target(
        name: "SottoTestCertificates", dependencies: ["COpenSSL", "SottoTLS", "SottoBase"], path: "Tests/SottoTestCertificates",
        packageAccess: false, swiftSettings: common),
    // A carrier's end of calls, with as little of the house as possible: SIP and SDP by hand.
    .target(
        name: "SottoTestPeer", dependencies: ["SottoTLS", "SRTP", "RTP", "Audio", "SottoBase", nio, nioPosix], path: "Tests/SottoTestPeer",
        packageAccess: false, swiftSettings: common),
]

let testRooms: [Target] = [
    tests("SottoBase"),
    tests("SIPMessages", fixtures: [.copy("Corpus")]),
    tests("SDP"),
    tests("SignalingFuzz", ["FuzzKit"]),
    tests("MediaFuzz", ["FuzzKit"]),
    tests("ReadersFuzz", ["FuzzKit"]),
    tests("SIPSessions", ["SIPMessages"]),
    tests("SIPTransport", ["SIPSessions", "SIPMessages", "SottoTLS", "SottoTestCertificates", nio, nioPosix, nioEmbedded]),
    tests("SottoTLS", ["COpenSSL", "SottoTestCertificates", nio, nioPosix, nioEmbedded]),
    tests("RTP"),
    tests("SRTP", ["RTP"]),
    tests("Audio"),
    tests("DTMF", ["RTP", "Audio"]),
    tests("MediaPlane", ["RTP", "SRTP", "Audio", "DTMF", "SottoTLS", "SottoTestCertificates"]),
    tests("Redaction"),
    tests("Consent", ["Policy"]),
    tests("SottoCrypto", fixtures: [.copy("Vectors")]),
    tests("DurableFiles"),
    tests("Keys", ["SottoCrypto", "DurableFiles"]),
    tests("SealedStorage", ["Keys", "SottoCrypto", "DurableFiles"]),
    tests("AuditLog", ["SottoCrypto", "DurableFiles"]),
    tests("ProviderProcesses"),
    tests("Speech", ["Redaction", "Policy", "ProviderProcesses"], fixtures: [.copy("Programs")]),
    tests("Dialogue", ["Speech", "Redaction", "ProviderProcesses"], fixtures: [.copy("Programs")]),
    tests("Policy"),
    tests("SottoConfiguration", ["Policy"], fixtures: [.copy("Corpus"), .copy("Certificates")]),
    tests("Admission", ["Policy"]),
    tests("Calls", ["SIPSessions", "SIPMessages", "SDP", "Policy", "Consent", "Admission"]),
    tests("Administration", ["AdministrationAPI", "AuditLog", "SottoCrypto", "DurableFiles", "sotto", nio, nioPosix]),
    tests(
        "SottoServer",
        [
            "SIPMessages", "SDP", "SIPTransport", "SottoTLS", "MediaPlane", "SRTP", "RTP", "Audio", "Redaction", "SealedStorage", "Keys",
            "AuditLog", "Policy", "SottoConfiguration", "Speech", "Dialogue", "SottoTestCertificates", "SottoTestPeer", "SIPSessions",
            "Calls", "Consent", "Administration", "AdministrationAPI", "SottoCrypto", "DurableFiles", nio, nioPosix, log,
        ]),
]

// Endpoint, calls, session descriptions, SRTP and timers together, between a gateway and phones on virtual time.
let wholeDialogTests: [Target] = [
    .testTarget(
        name: "WholeDialogTests",
        dependencies: [
            "Calls", "SIPSessions", "SIPMessages", "SDP", "MediaPlane", "SRTP", "Audio", "SottoTLS", "Policy", "Consent", "Admission",
            "FuzzKit", "SottoBase",
        ],
        path: "Tests/WholeDialogTests", packageAccess: false, swiftSettings: common)
]

// The built daemon as a process, under a fake service manager.
let serviceTests: [Target] = [
    .testTarget(
        name: "ServiceTests",
        dependencies: [
            "sottod", "sotto", "COpenSSL", "SottoTLS", "SottoTestCertificates", "SottoTestPeer", "SottoBase", nio, nioPosix,
        ],
        path: "Tests/ServiceTests", packageAccess: false, swiftSettings: common)
]

// MARK: - Drivers of tests, built on demand

let drivers: [(variable: String, target: Target)] = [
    (
        "SOTTO_BENCHMARKS",
        .executableTarget(
            name: "benchmark-signaling", dependencies: ["SIPMessages", "SDP", "CAllocationCounter", "SottoBase"],
            path: "Tests/Benchmarks/Signaling", exclude: ["invite.sip", "allocation-limits.txt"], packageAccess: false, swiftSettings: common)
    ),
    (
        "SOTTO_BENCHMARKS",
        .executableTarget(
            name: "measure-speech", dependencies: ["Speech", "Audio", "SottoBase"], path: "Tests/Benchmarks/Speech", swiftSettings: common)
    ),
    ("SOTTO_BENCHMARKS", .target(name: "CAllocationCounter", path: "Tests/Benchmarks/CAllocationCounter")),
    (
        "SOTTO_BENCHMARKS",
        .executableTarget(
            name: "benchmark-media", dependencies: ["MediaPlane", "SRTP", "RTP", "Audio", "DTMF", "CEpoll", "CAllocationCounter", "SottoBase"],
            path: "Tests/Benchmarks/Media", exclude: ["allocation-limits.txt"], swiftSettings: common)
    ),
    // The daemon with a recognizer and a voice that do nothing, and who calls it.
    (
        "SOTTO_BENCHMARKS",
        .executableTarget(
            name: "sottod-null", dependencies: ["SottoServer", "Speech", "Redaction", "SottoBase"], path: "Tests/Benchmarks/NullDaemon",
            packageAccess: false, swiftSettings: common)
    ),
    (
        "SOTTO_BENCHMARKS",
        .executableTarget(
            name: "sotto-load",
            dependencies: [
                "SottoTestPeer", "SottoTestCertificates", "SottoTLS", "SRTP", "RTP", "Audio", "CEpoll", "COpenSSL", "SottoBase", nio, nioPosix,
            ],
            path: "Tests/Benchmarks/Load", packageAccess: false, swiftSettings: common)
    ),
    ("SOTTO_FUZZ", fuzzer("fuzz-signaling", "SignalingFuzz", "Driver")),
    ("SOTTO_FUZZ", fuzzer("fuzz-media", "MediaFuzz", "MediaDriver")),
    ("SOTTO_FUZZ", fuzzer("fuzz-readers", "ReadersFuzz", "ReadersDriver")),
]

func fuzzer(_ name: String, _ entries: String, _ folder: String) -> Target {
    .executableTarget(
        name: name, dependencies: [.target(name: entries), "FuzzKit"], path: "Tests/Fuzz/\(folder)", packageAccess: false,
        swiftSettings: common + [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer"])],
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer"])])
}

// MARK: - Assembly

var targets =
    base + platform + signaling + media + protection + custody + voice + policy + defence + gateway + executables + testKit + testRooms
    + wholeDialogTests + serviceTests
    + drivers.filter { Context.environment[$0.variable] != nil }.map(\.target)

if Context.environment["SOTTO_FUZZ"] != nil {
    let fuzzed: Set = [
        "SottoBase", "SIPMessages", "SDP", "SignalingFuzz", "RTP", "SRTP", "Audio", "DTMF", "MediaFuzz", "SIPTransport", "SottoTLS",
        "AdministrationAPI", "SottoConfiguration", "Policy", "AuditLog", "SealedStorage", "Keys", "ProviderProcesses", "Speech", "Dialogue",
        "ReadersFuzz",
    ]
    for target in targets where fuzzed.contains(target.name) {
        target.swiftSettings = (target.swiftSettings ?? []) + [.unsafeFlags(["-parse-as-library", "-sanitize=fuzzer"])]
    }
}

if let rooms = Context.environment["SOTTO_ROOMS"], !rooms.isEmpty {
    let wanted = rooms.split(separator: ",").map(String.init)
    let byName = Dictionary(uniqueKeysWithValues: targets.map { ($0.name, $0) })
    var kept: Set<String> = []
    func keep(_ name: String) {
        guard let target = byName[name], kept.insert(name).inserted else { return }
        for door in target.dependencies {
            switch door {
            case .targetItem(let name, _), .byNameItem(let name, _): keep(name)
            default: break
            }
        }
    }
    for name in wanted {
        keep(name)
        keep(name + "Tests")
    }
    targets = targets.filter { kept.contains($0.name) }
}

let usedPackages = Set(
    targets.flatMap(\.dependencies).compactMap { door in
        if case .productItem(_, let package, _, _) = door { package } else { nil }
    })

let package = Package(
    name: "sotto",
    dependencies: packages.filter { !$0.names.isDisjoint(with: usedPackages) }.map(\.1),
    targets: targets,
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
