internal import COpus
internal import SottoBase

/// Turns one stream's payloads into 16 kHz mono samples. It allocates when it is made, and never after.
public struct FrameDecoder: ~Copyable {
    /// 120 ms: what the target of `decode` must hold.
    public static let maximumSamples = 1_920

    public let codec: AudioCodec
    private var upsampler: Upsampler?
    private var concealer: PitchConcealer?
    private var subBands: G722Decoder?
    private let opus: OpusDecoderState?

    public init(codec: AudioCodec) throws(AudioCodecFault) {
        self.codec = codec
        switch codec {
        case .pcmu, .pcma:
            upsampler = Upsampler()
            concealer = PitchConcealer()
            subBands = nil
            opus = nil
        case .g722:
            upsampler = nil
            concealer = PitchConcealer()
            subBands = G722Decoder()
            opus = nil
        case .opus:
            upsampler = nil
            concealer = nil
            subBands = nil
            opus = try OpusDecoderState()
        }
    }

    /// Decodes one payload. Returns the samples written; nil when it is malformed or does not fit: conceal instead.
    public mutating func decode(_ payload: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Int16>) -> Int? {
        guard let source = payload.baseAddress, let start = target.baseAddress else { return nil }
        switch codec {
        case .pcmu, .pcma:
            let count = payload.count
            guard count > 0, count <= Upsampler.maximumBlock, count * 2 <= target.count else { return nil }
            guard let input = upsampler?.input else { return nil }
            if codec == .pcmu {
                for index in 0..<count { input[index] = G711.decodeMuLaw(payload[index]) }
            } else {
                for index in 0..<count { input[index] = G711.decodeALaw(payload[index]) }
            }
            upsampler?.process(count, into: start)
            concealer?.decoded(UnsafeMutableBufferPointer(start: start, count: count * 2))
            return count * 2
        case .g722:
            let count = payload.count
            guard count > 0, count <= Self.maximumSamples / 2, count * 2 <= target.count else { return nil }
            subBands?.decode(payload, into: start)
            concealer?.decoded(UnsafeMutableBufferPointer(start: start, count: count * 2))
            return count * 2
        case .opus:
            guard payload.count > 0, payload.count <= 65_535 else { return nil }
            return opus?.decode(source, payload.count, into: start, capacity: min(target.count, Self.maximumSamples))
        }
    }

    /// Fills `target` whole with the frame that was lost just before `following`, from the copy that Opus carries in it (RFC 6716 §2.1.7);
    /// where it carries none, and with other codecs, as `conceal` does. `following` itself is decoded next, as ever.
    /// - Returns: true when forward error correction was tried.
    public mutating func recover(from following: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Int16>) -> Bool {
        if opus?.recover(following, into: target) == true { return true }
        conceal(into: target)
        return false
    }

    /// Fills `target` whole (1 to 1,920 samples) with what may stand for a missing packet. G.711 and G.722 fade to silence in
    /// 60 ms of loss.
    public mutating func conceal(into target: UnsafeMutableBufferPointer<Int16>) {
        switch codec {
        case .pcmu, .pcma, .g722: concealer?.conceal(into: target)
        case .opus: opus?.conceal(into: target)
        }
    }

    /// A new stream of the same codec.
    public mutating func reset() {
        upsampler?.reset()
        concealer?.reset()
        subBands?.reset()
        opus?.reset()
    }
}

/// libopus's decoder in locked memory: a caller's voice can be found in its state.
private struct OpusDecoderState: ~Copyable {
    private static let scratchCount = FrameDecoder.maximumSamples
    private let memory: LockedMemory
    private let stateSize: Int

    init() throws(AudioCodecFault) {
        stateSize = (Int(opus_decoder_get_size(1)) + 63) & ~63
        memory = LockedMemory(count: stateSize + Self.scratchCount * 2)
        let code = opus_decoder_init(OpaquePointer(memory.pointer), 16_000, 1)
        guard code == OPUS_OK else { throw .opus(code: code) }
    }

    private var decoder: OpaquePointer { OpaquePointer(memory.pointer) }

    func decode(_ source: UnsafeRawPointer, _ count: Int, into target: UnsafeMutablePointer<Int16>, capacity: Int) -> Int? {
        let result = opus_decode(decoder, source.assumingMemoryBound(to: UInt8.self), Int32(count), target, Int32(capacity), 0)
        return result > 0 ? Int(result) : nil
    }

    /// False when libopus refuses: lost frames of 10, 20, 40 and 60 ms can be recovered.
    func recover(_ following: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Int16>) -> Bool {
        guard let source = following.baseAddress, let start = target.baseAddress, following.count > 0, following.count <= 65_535,
            target.count % 160 == 0, target.count <= Self.scratchCount
        else { return false }
        return opus_decode(
            decoder, source.assumingMemoryBound(to: UInt8.self), Int32(following.count), start, Int32(target.count), 1)
            == Int32(target.count)
    }

    /// libopus conceals in steps of 2.5 ms (40 samples): the rest of a step is dropped.
    func conceal(into target: UnsafeMutableBufferPointer<Int16>) {
        guard let start = target.baseAddress else { return }
        let scratch = (memory.pointer + stateSize).assumingMemoryBound(to: Int16.self)
        var done = 0
        while done < target.count {
            let wanted = min(target.count - done, Self.scratchCount)
            let rounded = (wanted + 39) / 40 * 40
            let result = opus_decode(decoder, nil, 0, scratch, Int32(rounded), 0)
            guard result > 0 else {
                (start + done).update(repeating: 0, count: target.count - done)
                return
            }
            let count = min(wanted, Int(result))
            (start + done).update(from: scratch, count: count)
            done += count
        }
    }

    func reset() { _ = sotto_opus_decoder_reset(decoder) }
}
