internal import COpenSSL
internal import Glibc
public import SottoBase
internal import Synchronization

/// Keys that seal session tickets (RFC 5077, RFC 8446 §4.6.1). Share one among the contexts of a listener, so that a reload loses no
/// session.
///
/// A key seals for `lifetime`, opens for as long again, and is wiped then: who steals the machine's memory reads no older session.
public final class TLSTicketKeys: Sendable {
    enum Found {
        case newest, older, unknown
    }

    private struct Key {
        let name: [UInt8]
        let secret: SecretBytes
        let made: Instant
    }

    private let lifetime: Duration
    private let clock: @Sendable () -> Instant
    private let keys: Mutex<[Key]>

    /// `clock` is asked in handshakes, on any thread; the machine's monotonic clock by default.
    public init(lifetime: Duration = .seconds(6 * 3_600), clock: @escaping @Sendable () -> Instant = TLSTicketKeys.monotonic) {
        self.lifetime = lifetime
        self.clock = clock
        keys = Mutex([Self.make(clock())])
    }

    /// Makes the next key now, for instance because the machine may have been read.
    public func rotate() {
        let now = clock()
        keys.withLock { keys in
            keys.insert(Self.make(now), at: 0)
            keys = Array(keys.prefix(2))
        }
    }

    func seal(name: UnsafeMutableRawBufferPointer, into target: UnsafeMutableRawBufferPointer) {
        let key = current()[0]
        name.copyBytes(from: key.name)
        key.secret.withBytes { target.copyMemory(from: $0) }
    }

    func open(name: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Found {
        let keys = current()
        guard let index = keys.firstIndex(where: { $0.name.elementsEqual(name) }) else { return .unknown }
        keys[index].secret.withBytes { target.copyMemory(from: $0) }
        return index == 0 ? .newest : .older
    }

    /// The newest first; at least one.
    private func current() -> [Key] {
        let now = clock()
        return keys.withLock { keys in
            keys.removeAll { now - $0.made >= lifetime * 2 }
            if keys.first.map({ now - $0.made >= lifetime }) ?? true { keys.insert(Self.make(now), at: 0) }
            keys = Array(keys.prefix(2))
            return keys
        }
    }

    private static func make(_ now: Instant) -> Key {
        func fill(_ bytes: UnsafeMutableRawBufferPointer) {
            let done = RAND_priv_bytes(bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
            precondition(done == 1, "the library's random source failed")
        }
        var name = [UInt8](repeating: 0, count: 16)
        name.withUnsafeMutableBytes { fill($0) }
        return Key(name: name, secret: SecretBytes(count: 64) { fill($0) }, made: now)
    }

    public static let monotonic: @Sendable () -> Instant = {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Instant(nanoseconds: Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec))
    }
}
