import DurableFiles
import Foundation
import Keys
import SottoBase
import SottoCrypto
import Synchronization

@testable import SealedStorage

final class Scratch: Sendable {
    let path: String
    init() {
        path = NSTemporaryDirectory() + "sotto-storage-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    var files: [String] {
        let names = FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []
        return names.map { path + "/" + $0 }.filter { name in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) && !isFolder.boolValue
        }.sorted()
    }
}

func tenant(_ name: String) -> TenantName {
    guard let tenant = TenantName(name) else { preconditionFailure("a tenant's name") }
    return tenant
}

let acme = tenant("acme")
let globex = tenant("globex")
let terms = RecordTerms(policyVersion: "p1", redactionVersion: "r1", retention: "30d", consent: "key · tenants/acme.toml:31")
let opus = RecordedCodec(name: "opus", clockRate: 48_000)

func place(_ number: UInt64, _ tenant: TenantName = acme) -> CallPlace {
    CallPlace(tenant: tenant, call: CallID(high: 7, low: number), started: WallTime(milliseconds: 1_764_020_400_000))
}

func grant(_ place: CallPlace, _ uses: ConsentUses = [.recording, .transcription]) -> ConsentGrant {
    ConsentGrant(
        call: place.call, tenant: place.tenant, uses: uses, policyVersion: "p1", rule: "test", basis: "key",
        grantedAt: WallTime(milliseconds: 0))
}

func opening(caller: String? = "+4930123456", callee: String? = "+442071234567") -> CallOpening {
    CallOpening(direction: .inbound, trunk: "carrier-a", policyVersion: "p1", caller: caller, callee: callee)
}

let ending = CallEnding(ended: WallTime(milliseconds: 1_764_020_460_000), termination: "completed", consent: "recording+transcription")

/// 20 ms of a leg, its payload telling its number.
func frame(_ number: Int, _ speaker: Speaker = .caller, silenced: Bool = false) -> Masked<RecordedFrame> {
    Masked(
        RecordedFrame(
            header: RecordedFrameHeader(
                speaker: speaker, position: MediaTime(milliseconds: Int64(number) * 20), durationMilliseconds: 20, isCut: false),
            payload: Array("frame \(number) of \(speaker.name)".utf8), isSilenced: silenced))
}

func line(_ number: Int) -> TranscriptLine {
    TranscriptLine(
        speaker: .caller, from: MediaTime(milliseconds: Int64(number) * 1_000), to: MediaTime(milliseconds: Int64(number) * 1_000 + 900),
        text: Masked("line \(number): my card is [CARD] \"quoted\"\n"))
}

/// A storage with its keys, in a folder of its own.
struct StorageHouse {
    let scratch: Scratch
    let root: SecretBytes
    let keys: KeyHierarchy
    let storage: SealedStore

    init(disk: Disk = Disk()) throws { try self.init(scratch: Scratch(), root: RandomBytes.secret(count: 32), disk: disk) }

    /// Opens what another one left: a restart.
    init(after other: StorageHouse, disk: Disk = Disk()) throws { try self.init(scratch: other.scratch, root: other.root, disk: disk) }

    private init(scratch: Scratch, root: SecretBytes, disk: Disk) throws {
        self.scratch = scratch
        self.root = root
        let service = try LocalKeyService(root: root, folder: scratch.path + "/service")
        keys = try KeyHierarchy(
            service: service, folder: scratch.path + "/keys", now: { Instant(nanoseconds: 0) },
            wallTime: { WallTime(milliseconds: 1_764_000_000_000) })
        storage = try SealedStore(.init(root: scratch.path + "/data"), keys: keys, disk: disk)
    }

    /// A finished call of ten seconds on both legs, and five lines.
    @discardableResult
    func record(_ place: CallPlace) async throws -> [SealedClosing] {
        let call = try await storage.openCall(place, opening())
        let audio = try await call.startAudio(grant: grant(place), codecs: [.caller: opus, .agent: opus], terms: terms)
        let transcript = try await call.startTranscript(grant: grant(place), terms: terms)
        for number in 0..<500 {
            audio.append(frame(number))
            audio.append(frame(number, .agent))
        }
        for number in 0..<5 { try await transcript.append(durably: line(number)) }
        var closings = try await audio.close()
        closings.append(try await transcript.close())
        closings.append(try await call.write(["termination": .code("completed")], as: .record, terms: terms))
        try await call.close(ending)
        return closings
    }
}

func read(_ path: String) -> [UInt8] { Array(FileManager.default.contents(atPath: path) ?? Data()) }
func write(_ bytes: [UInt8], _ path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

let callerAudio = SealedObjectName(kind: .audio, leg: .caller)
let transcriptObject = SealedObjectName(kind: .transcript)
