/// What a codec costs in the E-model (ITU-T G.107, G.113 appendix I).
public struct CodecImpairment: Equatable, Sendable {
    /// Ie: without loss.
    public var equipment: Double
    /// Bpl: how well it bears random loss; more is better.
    public var robustness: Double

    public init(equipment: Double, robustness: Double) {
        self.equipment = equipment
        self.robustness = robustness
    }

    /// G.711 with packet loss concealment (G.113 appendix I: Ie 0, Bpl 25.1).
    public static let g711 = CodecImpairment(equipment: 0, robustness: 25.1)
    /// 64 kbit/s, on the narrowband scale: no worse than G.711, with our concealment.
    public static let g722 = CodecImpairment(equipment: 0, robustness: 25.1)
    /// No standard value: as G.711 without loss at our rates, and its concealment and forward error correction count for as much.
    public static let opus = CodecImpairment(equipment: 0, robustness: 25.1)
}

/// The E-model's estimate of one direction of a call (ITU-T G.107, narrowband): everything that is not the network's at its default.
public struct VoiceQuality: Equatable, Sendable {
    /// R: 0 to 93.2.
    public let rating: Double
    /// Mean opinion score, conversational quality estimated (MOS-CQE): 1 to 4.5.
    public let meanOpinionScore: Double

    /// - Parameters:
    ///   - loss: of packets after the jitter buffer, late ones included: 0 to 1.
    ///   - burstRatio: BurstR of G.107 §7.5: 1 for random loss, more for bursts.
    ///   - delay: from mouth to ear: half the round trip, jitter buffer, packet and codec delay.
    public init(codec: CodecImpairment, loss: Double, burstRatio: Double = 1, delay: Duration) {
        let percent = Self.bounded(loss, 0, 1) * 100
        let burst = Self.bounded(burstRatio, 1, 100)
        let equipment = Self.bounded(codec.equipment, 0, 95)
        let robustness = Self.bounded(codec.robustness, 1, 1_000)
        // G.107 (7-29): Ie-eff.
        let impairment = equipment + (95 - equipment) * percent / (percent / burst + robustness)
        let rating = Self.bounded(Self.defaultRating - Self.delayImpairment(delay) - impairment, 0, 100)
        self.rating = rating
        meanOpinionScore = Self.opinion(rating)
    }

    /// Ro − Is at G.107's default values (table 2).
    private static let defaultRating = 93.2

    /// G.107 §7.4, Idd: what delay does to a conversation without echo.
    private static func delayImpairment(_ delay: Duration) -> Double {
        let parts = delay.components
        let milliseconds = Double(parts.seconds) * 1_000 + Double(parts.attoseconds) / 1e15
        guard milliseconds > 100 else { return 0 }
        let x = binaryLogarithm(bounded(milliseconds, 100, 100_000) / 100)
        return 25 * (sixthRootOfOnePlusSixthPower(x) - 3 * sixthRootOfOnePlusSixthPower(x / 3) + 2)
    }

    /// G.107 annex B (B-4).
    private static func opinion(_ rating: Double) -> Double {
        bounded(1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6, 1, 4.5)
    }

    /// Everything that is not a number is the least.
    private static func bounded(_ value: Double, _ least: Double, _ most: Double) -> Double {
        value > least ? (value < most ? value : most) : least
    }

    // This room has no mathematics library.

    /// log₂ of a number of at least 1.
    private static func binaryLogarithm(_ value: Double) -> Double {
        let z = (value.significand - 1) / (value.significand + 1)  // 0 to 1/3: the series of 2 artanh z
        var term = z
        var sum = 0.0
        for odd in stride(from: 1.0, through: 25, by: 2) {
            sum += term / odd
            term *= z * z
        }
        return Double(value.exponent) + 2 * sum / 0.693_147_180_559_945_3
    }

    /// (1 + x⁶)^(1/6), by Newton's method from above.
    private static func sixthRootOfOnePlusSixthPower(_ x: Double) -> Double {
        let radicand = 1 + x * x * x * x * x * x
        var root = 1 + x
        for _ in 0..<40 {
            let fifth = root * root * root * root * root
            root -= (root * fifth - radicand) / (6 * fifth)
        }
        return root
    }
}
