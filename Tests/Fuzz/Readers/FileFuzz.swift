#if DEBUG
    @testable import AuditLog
    import FuzzKit
    @testable import Keys
    @testable import SealedStorage
    @testable import SottoConfiguration
    import SottoBase

    /// A machine's or a tenant's file, beside a good one of the other kind: a good configuration, or findings that can be shown.
    func fuzzConfiguration(_ bytes: [UInt8]) -> FuzzFinding? {
        let isMachine = bytes.first.map { $0 & 1 == 1 } ?? false
        let text = Array(bytes.dropFirst())
        let files = ConfigurationFiles(
            credentialsFolder: "/run/credentials", user: 1_000, now: { WallTime(milliseconds: 1_796_083_200_000) },
            names: { $0.hasSuffix("/tenants") ? .success(["acme.toml"]) : .failure(.notFound) },
            contents: { path, _ in
                if path.hasSuffix("/sotto.toml") { return .success(isMachine ? text : Array(goodMachine.utf8)) }
                return path.hasSuffix("/acme.toml") ? .success(isMachine ? Array(goodTenant.utf8) : text) : .failure(.notFound)
            },
            secret: { _, _ in .failure(.notFound) }, status: { _ in .failure(.notFound) })
        switch ConfigurationLoader.load(directory: "/etc/sotto", files: files) {
        case .success(let loaded):
            guard loaded.warnings.count <= Findings.atMost + 1 else { return FuzzFinding(property: "findings are bounded") }
        case .failure(let failure):
            guard (1...(Findings.atMost + 1)).contains(failure.diagnostics.count) else {
                return FuzzFinding(property: "a failure says why")
            }
            for diagnostic in failure.diagnostics where diagnostic.description.utf8.count > 16_384 {
                return FuzzFinding(property: "a finding can be shown")
            }
        }
        return nil
    }

    private let goodMachine = """
        [machine]
        region = "DE"
        [[sip.listener]]
        name = "public"
        bind = "192.0.2.10"
        certificate = "sip.pem"
        key = "file:sip.key"
        client-ca = "ca.pem"
        client-certificates = "optional"
        [media]
        bind = "192.0.2.10"
        [keys]
        root-key = "credential:root"
        [[admin.role]]
        name = "viewer"
        users = [0]

        """

    private let goodTenant = """
        [tenant]
        name = "acme"
        region = "DE"
        [[trunk]]
        name = "carrier"
        peers = ["198.51.100.0/24"]
        [[route]]
        target = "reject:404"

        """

    /// What the audit log and the key folder read back from a disk that was damaged.
    func fuzzJournal(_ bytes: [UInt8]) -> FuzzFinding? {
        if case let (header, size)?? = try? JournalHeader.read(bytes) {
            guard size <= bytes.count, header.previous.count == 32 else { return FuzzFinding(property: "a header lies within its file") }
        }
        if case .group(let group, let size)? = try? JournalGroup.read(bytes[...]) {
            guard size <= bytes.count, group.entries.reduce(0, { $0 + $1.count }) <= bytes.count else {
                return FuzzFinding(property: "a group lies within its file")
            }
        }
        if let entries = EntryBundles.entries(bytes), EntryBundles.serialized(entries) != bytes {
            return FuzzFinding(property: "a bundle written is the same bundle")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        if let verifier = CheckpointVerifier(text), CheckpointVerifier(verifier.description) != verifier {
            return FuzzFinding(property: "a verifier's name is kept")
        }
        if let verifier = CheckpointVerifier("sotto.example/a+1d5c9d0e+Aabababababababababababababababababababababa") {
            _ = verifier.head(ofNote: bytes)
        }
        if let head = AuditHead(text: text), AuditHead(text: head.text) != head { return FuzzFinding(property: "a head is kept") }
        if let head = AuditHead(origin: "o", compact: text), AuditHead(origin: "o", compact: head.compact) != head {
            return FuzzFinding(property: "a compact head is kept")
        }
        if let file = CallKeyFile(bytes), CallKeyFile(file.serialized()) != file { return FuzzFinding(property: "a key file is kept") }
        return nil
    }

    /// Sealed bodies' formats, as they come out of decryption (authentic, but perhaps of another version).
    func fuzzSealed(_ bytes: [UInt8]) -> FuzzFinding? {
        if let header = SealedHeader(canonicalBytes: bytes), header.canonicalBytes() != bytes {
            return FuzzFinding(property: "a header is canonical")
        }
        if let frames = SegmentFormat.frames(bytes[...], speaker: .caller), frames.count > bytes.count {
            return FuzzFinding(property: "frames lie within their segment")
        }
        // A slice that does not start at zero.
        if !bytes.isEmpty { _ = SegmentFormat.frames(bytes[1...], speaker: .caller) }
        if let index = SegmentIndex(bytes[...]), SegmentIndex(index.serialized()[1...]) != index {
            return FuzzFinding(property: "an index written is read the same")
        }
        return nil
    }
#endif
