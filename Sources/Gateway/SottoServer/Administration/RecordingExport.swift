internal import Audio
internal import SealedStorage
internal import SottoBase

/// A kept call's masked audio as a WAV file in pieces: 16 kHz, the caller on the left, Sotto or a person on the right.
///
/// It reads a minute at a time, so that a long call needs no memory; what was masked, cut or lost is silence.
struct RecordingExport {
    static let window: Int64 = 60_000
    private static let rate = 16_000

    private let call: StoredCall
    /// Milliseconds after which there can be nothing.
    private let limit: Int64

    init(call: StoredCall) {
        self.call = call
        let started = call.summary.place.started.milliseconds
        limit = (call.summary.ended?.milliseconds ?? started + 4 * 3_600_000) - started + Self.window
    }

    /// The file's length in milliseconds, and its header.
    func begin() async throws -> (end: Int64, header: [UInt8]) {
        let end = try await length()
        return (end, header(samples: Int(end * 16)))
    }

    fileprivate func frames(_ speaker: Speaker, from position: Int64) async throws -> [(codec: RecordedCodec, frames: [StoredFrame])] {
        try await call.audio(speaker, from: MediaTime(milliseconds: position), to: MediaTime(milliseconds: position + Self.window))
    }

    private func length() async throws -> Int64 {
        var end: Int64 = 0
        var position: Int64 = 0
        while position < limit {
            for speaker in Speaker.allCases {
                for part in try await frames(speaker, from: position) {
                    for frame in part.frames { end = max(end, frame.position.milliseconds + Int64(frame.durationMilliseconds)) }
                }
            }
            position += Self.window
        }
        return end
    }

    private func header(samples: Int) -> [UInt8] {
        let data = samples * 4
        var bytes: [UInt8] = []
        func append(_ text: StaticString) { text.withUTF8Buffer { bytes.append(contentsOf: $0) } }
        func append(_ value: Int, width: Int) {
            for shift in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> (shift * 8))) }
        }
        append("RIFF")
        append(36 + data, width: 4)
        append("WAVEfmt ")
        append(16, width: 4)
        append(1, width: 2)
        append(2, width: 2)
        append(Self.rate, width: 4)
        append(Self.rate * 4, width: 4)
        append(4, width: 2)
        append(16, width: 2)
        append("data")
        append(data, width: 4)
        return bytes
    }
}

/// An export's pieces, made as they are asked for: a slow reader slows the reading down.
actor ExportPieces {
    private let export: RecordingExport
    private let decoders = Dictionary(uniqueKeysWithValues: Speaker.allCases.map { ($0, LegDecoder()) })
    private var end: Int64?
    private var position: Int64 = 0

    init(_ export: RecordingExport) { self.export = export }

    func next() async throws -> [UInt8]? {
        guard let end else {
            let (length, header) = try await export.begin()
            end = length
            return header
        }
        guard position < end else { return nil }
        let start = position
        position += RecordingExport.window
        let count = Int(min(RecordingExport.window, end - start)) * 16
        var stereo = [Int16](repeating: 0, count: count * 2)
        for speaker in Speaker.allCases {
            let parts = try await export.frames(speaker, from: start)
            decoders[speaker]?.decode(parts, from: start, count: count, into: &stereo, channel: Int(speaker.rawValue))
        }
        return stereo.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    }
}

/// Decodes one leg's frames to their places; a decoder lives as long as the leg's codec.
private final class LegDecoder {
    private var decoder: FrameDecoder?
    private var codec: String?

    func decode(
        _ parts: [(codec: RecordedCodec, frames: [StoredFrame])], from start: Int64, count: Int, into stereo: inout [Int16], channel: Int
    ) {
        for part in parts {
            if codec != part.codec.name || decoder == nil {
                codec = part.codec.name
                decoder = AudioCodec(recorded: part.codec).flatMap { try? FrameDecoder(codec: $0) }
            }
            for frame in part.frames where !frame.payload.isEmpty {
                withUnsafeTemporaryAllocation(of: Int16.self, capacity: FrameDecoder.maximumSamples) { samples in
                    guard let decoded = frame.payload.withUnsafeBytes({ decoder?.decode($0, into: samples) }) else { return }
                    // A masked frame is silence to the sample, whatever a decoder's memory would let ring on.
                    if frame.isSilenced { return }
                    let offset = Int((frame.position.ticks - start * 48) / 3)
                    for index in 0..<decoded where offset + index >= 0 && offset + index < count {
                        stereo[(offset + index) * 2 + channel] = samples[index]
                    }
                }
            }
        }
    }
}

extension AudioCodec {
    init?(recorded codec: RecordedCodec) {
        switch codec.name {
        case "opus": self = .opus
        case "pcmu": self = .pcmu
        case "pcma": self = .pcma
        case "g722": self = .g722
        default: return nil
        }
    }
}
