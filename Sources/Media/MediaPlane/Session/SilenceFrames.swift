internal import Audio
internal import SottoBase

/// A codec's encoded silence, made once at a session's start: what stands in a recording for audio that was cut.
struct SilenceFrames: ~Copyable {
    /// Durations that every codec has, longest first.
    static let durations = [60, 40, 20, 10]

    private let bytes: UnsafeMutableRawBufferPointer
    private var offsets = InlineArray<5, Int>(repeating: 0)

    /// nil when the codec cannot make it.
    init?(codec: AudioCodec) {
        var all: [UInt8] = []
        var ends = InlineArray<5, Int>(repeating: 0)
        for (index, duration) in Self.durations.enumerated() {
            guard let payload = EncodedSilence.payload(codec, milliseconds: duration) else { return nil }
            all += payload
            ends[index + 1] = all.count
        }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(all.count, 1), alignment: 8)
        memory.copyBytes(from: all)
        bytes = memory
        offsets = ends
    }

    deinit { bytes.deallocate() }

    /// The longest frame of at most `milliseconds`; nil below 10 ms.
    func frame(atMost milliseconds: Int) -> (payload: UnsafeRawBufferPointer, milliseconds: Int)? {
        // Spelled out: iterating over the array would cost a retain on the packet path.
        if milliseconds >= 60 { return (slice(0), 60) }
        if milliseconds >= 40 { return (slice(1), 40) }
        if milliseconds >= 20 { return (slice(2), 20) }
        if milliseconds >= 10 { return (slice(3), 10) }
        return nil
    }

    private func slice(_ index: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[offsets[index]..<offsets[index + 1]])
    }
}
