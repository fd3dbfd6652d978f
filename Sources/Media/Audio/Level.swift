internal import Glibc

/// The level of a frame in dB below digital full scale: 0 (a full-scale square wave) down to -127 (silence), as RFC 6464 §3 has it.
public func levelDBov(_ samples: UnsafeBufferPointer<Int16>) -> Int {
    let power = meanSquare(samples)
    guard power > 0 else { return -127 }
    return max(-127, min(0, Int((10 * log10(power / (32_767 * 32_767))).rounded())))
}

/// Cheap: the level lies under -50 dBov, where a frame may be dropped or put in unheard.
public func isQuiet(_ samples: UnsafeBufferPointer<Int16>) -> Bool { meanSquare(samples) < 32_767 * 32_767 / 100_000 }

private func meanSquare(_ samples: UnsafeBufferPointer<Int16>) -> Double {
    guard !samples.isEmpty else { return 0 }
    var sum: Int64 = 0
    for sample in samples { sum &+= Int64(Int32(sample) &* Int32(sample)) }
    return Double(sum) / Double(samples.count)
}
