/// Published test card numbers: they pass Luhn and belong to nobody.
enum TestNumbers {
    static let cards = """
        4111111111111111 4012888888881881 4242424242424242 4000056655665556 4917300800000000 4484070000000000 4222222222222 \
        5555555555554444 5105105105105100 2221000000000009 2223003122003222 2223000048400011 2720999999999996 2720992593319364 \
        378282246310005 371449635398431 378734493671000 6011111111111117 6011000990139424 6011000400000000 30569309025904 \
        38520000023237 36227206271667 3056930009020004 3530111333300000 3566002020360505 3528000700000000 6200000000000005 \
        6250941006528599 6221260000000000 6205500000000000004 5019717010103742 6759649826438453 122000000000003
        """.split(separator: " ").map(String.init)
}

/// Chance that a seed repeats: SplitMix64.
struct SeededChance: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
    mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &self)] }
}
