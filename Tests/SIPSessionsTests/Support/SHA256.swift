import SIPSessions

/// SHA-256 (FIPS 180-4), for the vectors of digest authentication: the endpoint gets its hashes from whoever runs it.
enum SHA256 {
    static let hashes = DigestHashes(sha256: { bytes, digest in digest.copyBytes(from: hash(Array(bytes))) })

    private static let constants: [UInt32] = {
        // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
        var primes: [UInt64] = []
        var candidate: UInt64 = 2
        while primes.count < 64 {
            if !primes.contains(where: { candidate % $0 == 0 }) { primes.append(candidate) }
            candidate += 1
        }
        return primes.map { UInt32(truncatingIfNeeded: root($0, 3)) }
    }()

    private static let start: [UInt32] = [2, 3, 5, 7, 11, 13, 17, 19].map { UInt32(truncatingIfNeeded: root($0, 2)) }

    /// floor(2^32 * n^(1/degree)), by bisection over whole numbers.
    private static func root(_ n: UInt64, _ degree: Int) -> UInt64 {
        var low: UInt64 = 0
        var high: UInt64 = 1 << 36
        func isTooLarge(_ x: UInt64) -> Bool {
            // x^degree > n * 2^(32 * degree), in 192 bits as limbs of 32.
            var product: [UInt64] = [1, 0, 0, 0, 0, 0]
            for _ in 0..<degree {
                var next = [UInt64](repeating: 0, count: 7)
                for (index, limb) in product.enumerated() {
                    for (offset, part) in [x & 0xFFFF_FFFF, x >> 32].enumerated() where index + offset < 7 {
                        var carry = limb * part
                        var at = index + offset
                        while carry > 0, at < 7 {
                            carry += next[at]
                            next[at] = carry & 0xFFFF_FFFF
                            carry >>= 32
                            at += 1
                        }
                    }
                }
                product = Array(next.prefix(6))
            }
            var bound: [UInt64] = [0, 0, 0, 0, 0, 0]
            bound[degree] = n
            for index in (0..<6).reversed() where product[index] != bound[index] { return product[index] > bound[index] }
            return false
        }
        while high - low > 1 {
            let middle = (low + high) / 2
            if isTooLarge(middle) { high = middle } else { low = middle }
        }
        return low
    }

    static func hash(_ message: [UInt8]) -> [UInt8] {
        func rotate(_ x: UInt32, _ by: UInt32) -> UInt32 { x >> by | x << (32 - by) }
        var padded = message + [0x80]
        while padded.count % 64 != 56 { padded.append(0) }
        let bits = UInt64(message.count) * 8
        padded += (0..<8).map { UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * $0)) }
        var state = start
        for block in stride(from: 0, to: padded.count, by: 64) {
            var w = (0..<16).map { index in
                padded[(block + 4 * index)..<(block + 4 * index + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            }
            for t in 16..<64 {
                let a = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3
                let b = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10
                w.append(w[t - 16] &+ a &+ w[t - 7] &+ b)
            }
            var v = state
            for t in 0..<64 {
                let s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)
                let choice = (v[4] & v[5]) ^ (~v[4] & v[6])
                let one = v[7] &+ s1 &+ choice &+ constants[t] &+ w[t]
                let s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)
                let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2])
                v = [one &+ s0 &+ majority, v[0], v[1], v[2], v[3] &+ one, v[4], v[5], v[6]]
            }
            for index in 0..<8 { state[index] = state[index] &+ v[index] }
        }
        return state.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(24 - 8 * $0)) } }
    }
}
