import RTP
import Testing

/// ITU-T G.107.
@Suite struct VoiceQualityTests {
    private func rating(_ loss: Double, _ milliseconds: Int, burst: Double = 1, codec: CodecImpairment = .g711) -> Double {
        VoiceQuality(codec: codec, loss: loss, burstRatio: burst, delay: .milliseconds(milliseconds)).rating
    }

    /// G.107 table 2: R is 93.2 at the default values, annex B makes that a MOS of 4.41.
    @Test func defaultsAreTheStandards() {
        let quality = VoiceQuality(codec: .g711, loss: 0, delay: .zero)
        #expect(abs(quality.rating - 93.2) < 0.001)
        #expect(abs(quality.meanOpinionScore - 4.41) < 0.005)
    }

    /// (7-29), by hand: 95 × 1 / (1 + 25.1) is 3.64, and so on.
    @Test(arguments: [(0.01, 3.640), (0.05, 15.781), (0.2, 42.129), (1, 75.939)])
    func lossIsTheFormulas(loss: Double, impairment: Double) {
        #expect(abs(93.2 - rating(loss, 20) - impairment) < 0.01)
    }

    @Test func burstsAreWorseThanRandomLoss() {
        #expect(rating(0.05, 20, burst: 2) < rating(0.05, 20) - 1)
        #expect(abs(93.2 - rating(0.05, 20, burst: 2) - 95 * 5 / (2.5 + 25.1)) < 0.01)
    }

    /// §7.4: nothing up to 100 ms; with log₂(Ta / 100) = 1 and 2 by hand.
    @Test func delayIsTheFormulas() {
        #expect(rating(0, 100) == rating(0, 0))
        #expect(abs(93.2 - rating(0, 200) - 3.044) < 0.01)
        #expect(abs(93.2 - rating(0, 400) - 24.07) < 0.05)
        #expect(rating(0, 150) > rating(0, 250) && rating(0, 250) > rating(0, 600))
    }

    @Test func everythingStaysInItsRange() {
        for loss in [0, 0.3, 1, 2, -1, .nan, .infinity] {
            for delay in [Duration.zero, .seconds(-5), .seconds(1), .seconds(1_000_000_000)] {
                for codec in [CodecImpairment.g711, .opus, .g722, CodecImpairment(equipment: .nan, robustness: -1)] {
                    for burst in [1, 0, -3, .nan, .infinity] {
                        let quality = VoiceQuality(codec: codec, loss: loss, burstRatio: burst, delay: delay)
                        #expect((0...93.2).contains(quality.rating) && (1...4.5).contains(quality.meanOpinionScore))
                    }
                }
            }
        }
    }

    @Test func codecsMayCostMore() {
        let narrow = CodecImpairment(equipment: 11, robustness: 19)
        #expect(abs(rating(0, 20) - rating(0, 20, codec: narrow) - 11) < 0.001)
    }
}
