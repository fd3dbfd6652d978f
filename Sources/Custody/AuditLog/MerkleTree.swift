internal import SottoCrypto

/// Hashing of RFC 6962 §2.1: leaves and nodes in separate domains.
enum MerkleHash {
    static func leaf(_ data: [UInt8]) throws(CryptoError) -> [UInt8] { try SHA256.hash([0], data) }
    static func node(_ left: [UInt8], _ right: [UInt8]) throws(CryptoError) -> [UInt8] { try SHA256.hash([1], left, right) }
    /// Root of the empty tree.
    static func empty() throws(CryptoError) -> [UInt8] { try SHA256.hash() }
}

/// The right edge of a growing Merkle tree: enough to add leaves and to name the root, in one hash a level.
struct MerkleFrontier: Equatable {
    /// Leaves so far.
    private(set) var size: UInt64 = 0
    /// Roots of the perfect subtrees from the largest to the smallest: one for each 1 bit of `size`.
    private(set) var hashes: [[UInt8]] = []

    init() {}

    /// nil unless there is one 32-byte hash for each 1 bit of `size`.
    init?(size: UInt64, hashes: [[UInt8]]) {
        guard hashes.count == size.nonzeroBitCount, hashes.allSatisfy({ $0.count == SHA256.size }) else { return nil }
        self.size = size
        self.hashes = hashes
    }

    mutating func append(leafHash: [UInt8]) throws(CryptoError) {
        var hash = leafHash
        // Each trailing 1 bit of the size is a subtree that this leaf completes.
        var rest = size
        while rest & 1 == 1, let left = hashes.popLast() {
            hash = try MerkleHash.node(left, hash)
            rest >>= 1
        }
        hashes.append(hash)
        size += 1
    }

    func root() throws(CryptoError) -> [UInt8] {
        guard var hash = hashes.last else { return try MerkleHash.empty() }
        for left in hashes.dropLast().reversed() { hash = try MerkleHash.node(left, hash) }
        return hash
    }
}
