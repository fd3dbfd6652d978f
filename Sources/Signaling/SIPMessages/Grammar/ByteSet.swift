/// A set of ASCII bytes as two words, so that a test is one shift and one mask. The words are spelled out because they then need no
/// initialisation at run time; `ByteSetTests` compares them with the RFC's character lists.
struct ByteSet: Sendable {
    let low: UInt64
    let high: UInt64

    @inline(__always) func contains(_ byte: UInt8) -> Bool {
        byte < 64 ? low &>> UInt64(byte) & 1 != 0 : byte < 128 && high &>> UInt64(byte &- 64) & 1 != 0
    }

    /// RFC 3261 §25.1 token: alphanum and `-.!%*_+`'~`.
    static var token: ByteSet { ByteSet(low: 0x03FF_6CA2_0000_0000, high: 0x47FF_FFFF_87FF_FFFE) }
    /// user: unreserved, `%` and `&=+$,;?/`. Deviation: `#` as well, because phones dial `*21#` without escaping it.
    static var user: ByteSet { ByteSet(low: 0xABFF_FFFA_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }
    /// password: unreserved, `%` and `&=+$,`.
    static var password: ByteSet { ByteSet(low: 0x23FF_7FF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFE) }
    /// paramchar: unreserved, `%` and `[]/:&+$`.
    static var uriParameter: ByteSet { ByteSet(low: 0x07FF_EFF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE) }
    /// headers: hnv-unreserved, unreserved, `%`, and the `=` and `&` between them.
    static var uriHeader: ByteSet { ByteSet(low: 0xA7FF_EFF2_0000_0000, high: 0x47FF_FFFE_AFFF_FFFE) }
    /// hostname and IPv4address. Deviation: `_`, which host names in the field contain.
    static var host: ByteSet { ByteSet(low: 0x03FF_6000_0000_0000, high: 0x07FF_FFFE_87FF_FFFE) }
    /// uric: what an absoluteURI of another scheme may hold.
    static var uric: ByteSet { ByteSet(low: 0xAFFF_FFF2_0000_0000, high: 0x47FF_FFFE_87FF_FFFF) }
    /// word, for Call-ID: alphanum and `-.!%*_+`'~()<>:\"/[]?{}`.
    static var word: ByteSet { ByteSet(low: 0xD7FF_EFA6_0000_0000, high: 0x6FFF_FFFF_BFFF_FFFE) }
    static var digit: ByteSet { ByteSet(low: 0x03FF_0000_0000_0000, high: 0) }
    static var hex: ByteSet { ByteSet(low: 0x03FF_0000_0000_0000, high: 0x0000_007E_0000_007E) }
}
