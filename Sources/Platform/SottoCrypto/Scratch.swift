internal import SottoBase

// Bridges between typed throws and the standard library's rethrowing closures, and scratch memory that is wiped.

/// Gives `bytes` as one buffer, without a copy when the collection is contiguous.
func withContiguousBytes<Result: ~Copyable>(
    _ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws(CryptoError) -> Result
) throws(CryptoError) -> Result {
    var outcome: Outcome<Result>?
    let gave: Void? = bytes.withContiguousStorageIfAvailable { storage in
        outcome = Outcome { () throws(CryptoError) in try body(UnsafeRawBufferPointer(storage)) }
    }
    if gave == nil {
        Array(bytes).withUnsafeBytes { raw in outcome = Outcome { () throws(CryptoError) in try body(raw) } }
    }
    guard let outcome else { preconditionFailure("one of the two branches ran the body") }
    return try outcome.get()
}

/// `count` bytes that `body` fills.
func filled(_ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(CryptoError) -> Void) throws(CryptoError) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    var failure: CryptoError?
    result.withUnsafeMutableBytes { raw in
        do throws(CryptoError) { try body(raw) } catch { failure = error }
    }
    if let failure { throw failure }
    return result
}

/// Zeroed scratch memory for key material, wiped on every way out.
func withSecretScratch<Result>(
    _ count: Int, _ body: (UnsafeMutableRawBufferPointer) throws(CryptoError) -> Result
) throws(CryptoError) -> Result {
    let outcome: Outcome<Result> = withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { scratch in
        if let start = scratch.baseAddress { wipe(start, count: count) }
        defer { if let start = scratch.baseAddress { wipe(start, count: count) } }
        return Outcome { () throws(CryptoError) in try body(scratch) }
    }
    return try outcome.get()
}

enum Outcome<Success: ~Copyable>: ~Copyable {
    case success(Success)
    case failure(CryptoError)

    init(_ body: () throws(CryptoError) -> Success) {
        do throws(CryptoError) { self = .success(try body()) } catch { self = .failure(error) }
    }

    consuming func get() throws(CryptoError) -> Success {
        switch consume self {
        case .success(let value): return value
        case .failure(let error): throw error
        }
    }
}

extension Outcome: Copyable where Success: Copyable {}
