public import DurableFiles
internal import SottoCrypto
public import SottoBase

/// The key above all of the local service: 32 bytes in a file or a systemd credential, raw or as 64 hexadecimal digits or base 64.
public enum RootKey {
    public enum Source: Equatable, Sendable {
        /// Must be 0600 or 0400 and belong to this user or to root.
        case file(path: String)
        /// A file below `$CREDENTIALS_DIRECTORY`. systemd guards the folder and gives access by an ACL, whose mask shows as group bits.
        case credential(path: String)

        var path: String {
            switch self {
            case .file(let path), .credential(let path): path
            }
        }
    }

    public static func read(_ source: Source, disk: Disk = Disk(), user: UInt32 = Disk.effectiveUser) throws(RootKeyError) -> SecretBytes {
        let path = source.path
        let result: Result<SecretBytes, RootKeyError>
        do throws(FileError) {
            result = try disk.readChecked(path, limit: 1_024) { status, bytes in
                if let fault = fault(in: status, source, user: user) { return .failure(fault) }
                guard let key = parse(bytes) else { return .failure(.malformed(path: path)) }
                return .success(key)
            }
        } catch {
            throw .unreadable(error)
        }
        return try result.get()
    }

    /// Makes a new root key file, mode 0600. An existing one is never replaced.
    public static func create(at path: String, disk: Disk = Disk()) throws(RootKeyError) {
        do {
            let key = try RandomBytes.secret(count: 32)
            var bytes = key.withBytes { Array($0) }
            defer { wipe(&bytes) }
            try disk.write(bytes, to: path, replacing: false)
        } catch let error as FileError {
            throw .unreadable(error)
        } catch {
            throw .noRandomness
        }
    }

    static func fault(in status: Disk.Status, _ source: Source, user: UInt32) -> RootKeyError? {
        let path = source.path
        guard status.owner == user || status.owner == 0 else { return .wrongOwner(path: path, owner: status.owner, expected: user) }
        switch source {
        case .file: return status.mode == 0o600 || status.mode == 0o400 ? nil : .loosePermissions(path: path, mode: status.mode)
        case .credential: return status.mode & 0o037 == 0 ? nil : .loosePermissions(path: path, mode: status.mode)
        }
    }

    /// Raw bytes, hexadecimal or base 64, with a newline at the end of text. Never through a `String`.
    private static func parse(_ bytes: UnsafeRawBufferPointer) -> SecretBytes? {
        if bytes.count == 32 { return SecretBytes(copying: bytes) }
        var end = bytes.count
        while end > 0, bytes[end - 1] == 0x0A || bytes[end - 1] == 0x0D { end -= 1 }
        switch end {
        case 64: return decode(bytes, characters: 64, bits: 4) { hexadecimal($0) }
        case 44 where bytes[43] == 0x3D: return decode(bytes, characters: 43, bits: 6) { base64($0) }
        default: return nil
        }
    }

    private static func decode(
        _ bytes: UnsafeRawBufferPointer, characters: Int, bits: UInt32, _ value: (UInt8) -> UInt8?
    ) -> SecretBytes? {
        guard bytes.prefix(characters).allSatisfy({ value($0) != nil }) else { return nil }
        return SecretBytes(count: 32) { target in
            var pending: UInt32 = 0
            var count: UInt32 = 0
            var written = 0
            for index in 0..<characters {
                pending = (pending << bits) | UInt32(value(bytes[index]) ?? 0)
                count += bits
                if count >= 8, written < 32 {
                    count -= 8
                    target[written] = UInt8(truncatingIfNeeded: pending >> count)
                    written += 1
                }
            }
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x61...0x66: byte - 0x61 + 10
        case 0x41...0x46: byte - 0x41 + 10
        default: nil
        }
    }

    private static func base64(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x61 + 26
        case 0x30...0x39: byte - 0x30 + 52
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}

/// Each names the command that mends it.
public enum RootKeyError: Error, Equatable, Sendable, CustomStringConvertible {
    case unreadable(FileError)
    case loosePermissions(path: String, mode: UInt32)
    case wrongOwner(path: String, owner: UInt32, expected: UInt32)
    case malformed(path: String)
    case noRandomness

    public var description: String {
        switch self {
        case .unreadable(let error) where error.cause == .missing:
            "\(error.path): no root key there; make one: sh -c 'umask 077; openssl rand -hex 32 > \(error.path)'"
        case .unreadable(let error): error.description
        case .loosePermissions(let path, let mode):
            "\(path): mode 0\(String(mode, radix: 8)) lets others at the root key; mend it: chmod 0600 \(path)"
        case .wrongOwner(let path, let owner, let expected):
            "\(path): the root key belongs to user \(owner); mend it: chown \(expected) \(path)"
        case .malformed(let path):
            "\(path): not a root key (32 bytes, 64 hexadecimal digits, or base 64); "
                + "make a new one elsewhere: sh -c 'umask 077; openssl rand -hex 32 > \(path).new'"
        case .noRandomness: "the random source failed"
        }
    }
}
