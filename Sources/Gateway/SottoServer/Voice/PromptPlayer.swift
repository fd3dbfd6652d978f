internal import SottoBase

/// One prompt at a time on its way into a call's play-out ring: rendered samples wait here and go over as the ring has room.
struct PromptPlayer {
    private let ring: AudioRing
    private var samples: [Int16] = []
    private var position = 0
    /// The prompt whose samples are going over; nil when all of them have.
    private(set) var prompt: UInt32?

    init(ring: AudioRing) { self.ring = ring }

    /// Milliseconds that `samples` last.
    static func milliseconds(_ samples: [Int16]) -> Int64 { Int64(samples.count / 16) }

    mutating func play(_ samples: [Int16], as prompt: UInt32) {
        self.samples = samples
        position = 0
        self.prompt = prompt
        feed()
    }

    /// What lies in the ring is not played either.
    mutating func stop() {
        prompt = nil
        samples = []
        ring.cut()
    }

    /// Fills the ring. The last frame is padded with silence and flagged, so that its leaving is reported.
    mutating func feed() {
        guard let prompt else { return }
        while position < samples.count, ring.count < ring.capacity {
            let end = min(position + AudioRing.samplesPerFrame, samples.count)
            var frame = Array(samples[position..<end])
            frame.append(contentsOf: repeatElement(0, count: AudioRing.samplesPerFrame - frame.count))
            let isLast = end == samples.count
            let header = AudioFrameHeader(position: .zero, flags: isLast ? .last : [], tag: prompt)
            guard frame.withUnsafeBufferPointer({ ring.push(header, $0) }) else { return }
            position = end
        }
        if position >= samples.count {
            self.prompt = nil
            samples = []
        }
    }
}
