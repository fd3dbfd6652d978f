import Audio
import AuditLog
import Foundation
import Keys
import SealedStorage
import SottoBase
import SottoTestPeer
import Testing

@testable import SottoServer

/// A frame of a recording, decoded.
struct HeardFrame {
    let from: Int64
    let to: Int64
    let isSilenced: Bool
    let samples: [Int16]

    var isLoud: Bool { energy(of: samples) > 10_000 }
}

/// What is kept of a call, opened.
struct Kept {
    let call: StoredCall

    var objects: Set<String> { Set(call.summary.objects.map(\.object.description)) }

    func lines() async throws -> [StoredTranscriptLine] { try await call.transcript() }

    /// A document as it lies in its body.
    func json(_ kind: SealedCall.DocumentKind) async throws -> [String: Any] {
        guard let bytes = try await call.document(kind) else { return [:] }
        return try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] ?? [:]
    }

    func frames(_ speaker: Speaker) async throws -> [HeardFrame] {
        var frames: [HeardFrame] = []
        for part in try await call.audio(speaker) {
            let codec: AudioCodec =
                switch part.codec.name {
                case "opus": .opus
                case "pcma": .pcma
                case "g722": .g722
                default: .pcmu
                }
            var decoder = try FrameDecoder(codec: codec)
            for frame in part.frames {
                var pcm = [Int16](repeating: 0, count: FrameDecoder.maximumSamples)
                let count = frame.payload.withUnsafeBytes { payload in
                    pcm.withUnsafeMutableBufferPointer { payload.isEmpty ? 0 : decoder.decode(payload, into: $0) ?? 0 }
                }
                frames.append(
                    HeardFrame(
                        from: frame.position.milliseconds, to: frame.position.milliseconds + Int64(frame.durationMilliseconds),
                        isSilenced: frame.isSilenced, samples: Array(pcm[..<count])))
            }
        }
        return frames
    }

    /// Milliseconds of a recording in which a tone is heard.
    static func milliseconds(of frequency: Double, in frames: [HeardFrame]) -> Int64 {
        frames.filter { $0.isLoud && share(of: frequency, in: $0.samples) > 0.3 }.reduce(0) { $0 + $1.to - $1.from }
    }

    /// Every body is whole, and its leaf in the audit log says the same as its index.
    func expectClosed(audit: [AuditRecord], sourceLocation: SourceLocation = #_sourceLocation) async throws {
        #expect(call.summary.ended != nil, sourceLocation: sourceLocation)
        for object in call.summary.objects.map(\.object) {
            let leaf = audit.first { $0.act == "object.closed" && $0.call == call.place.call.description && $0.facts["object"] == "\(object)" }
            guard let leaf, let closing = leaf.closing(object, call.place) else {
                Issue.record("\(object) has no leaf", sourceLocation: sourceLocation)
                continue
            }
            let report = try await call.inspect(object, leaf: closing)
            #expect(report.state == .closed, "\(object)", sourceLocation: sourceLocation)
            #expect(report.lost == 0, "\(object)", sourceLocation: sourceLocation)
        }
    }
}

/// An entry of the audit log.
struct AuditRecord {
    let act: String
    let outcome: String
    let tenant: String?
    let call: String?
    let reason: String?
    let facts: [String: String]

    init?(json: [UInt8]) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(json)) as? [String: Any], let act = object["act"] as? String else {
            return nil
        }
        self.act = act
        outcome = object["outcome"] as? String ?? ""
        tenant = object["tenant"] as? String
        call = object["call"] as? String
        reason = object["reason"] as? String
        facts = object["facts"] as? [String: String] ?? [:]
    }

    func closing(_ object: SealedObjectName, _ place: CallPlace) -> SealedClosing? {
        guard let segments = facts["segments"].flatMap({ UInt64($0) }), let bytes = facts["bytes"].flatMap({ UInt64($0) }),
            let lost = facts["lost"].flatMap({ UInt64($0) }), let hex = facts["commitment"]
        else { return nil }
        let commitment = stride(from: 0, to: hex.count, by: 2).compactMap { offset in
            UInt8(hex.dropFirst(offset).prefix(2), radix: 16)
        }
        return SealedClosing(
            place: place, object: object, segments: segments, lastCommitment: commitment, bytes: bytes, lost: lost)
    }
}

extension World {
    func kept(_ call: CallID, _ tenant: String = "acme") async throws -> Kept {
        guard let name = TenantName(tenant) else { throw PeerFault(description: "no tenant") }
        return Kept(call: try await daemon.storage.stored(call, tenant: name))
    }

    /// The audit log as it lies on the disk.
    func audit() throws -> [AuditRecord] {
        try AuditReader(folder: folder + "/state/audit").entries(from: 0, limit: 10_000).compactMap { AuditRecord(json: $0.json) }
    }

    /// Checks the log as an outsider does.
    func verifyAudit() async throws -> AuditVerification {
        let identity = try await daemon.hierarchy.signingIdentity(.checkpoint)
        guard let signer = CheckpointSigner(origin: "sotto/test-gateway/\(identity.life)", key: identity.key),
            let verifier = CheckpointVerifier(try signer.verifierKey)
        else { throw PeerFault(description: "no origin") }
        return try AuditVerifier(folder: folder + "/state/audit", key: verifier).verify()
    }
}
