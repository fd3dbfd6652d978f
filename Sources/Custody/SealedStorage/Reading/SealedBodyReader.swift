public import DurableFiles
public import Keys
public import SottoBase
internal import SottoCrypto

/// Why a body cannot be read. Harmless to log.
public enum SealedReadError: Error, Equatable, Sendable, CustomStringConvertible {
    case disk(FileError)
    case malformedHeader
    /// The header names another tenant, call, day or object than the place where the body lies: it was moved or exchanged.
    case wrongPlace
    /// A segment was changed, moved, or sealed under another key.
    case notAuthentic(segment: UInt64)
    /// A segment is authentic, but its content is none of this kind.
    case malformedContent(segment: UInt64)

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .malformedHeader: "the header is malformed"
        case .wrongPlace: "the header names another place than the one where the body lies"
        case .notAuthentic(let segment): "segment \(segment) is not authentic"
        case .malformedContent(let segment): "segment \(segment) has malformed content"
        }
    }
}

/// Reads a sealed body: opens only the segments that are asked for, and trusts nothing before it is authentic.
public struct SealedBodyReader: Sendable {
    struct Segment: Equatable {
        /// Of the length field.
        var offset: Int
        var length: Int
        var end: Int { offset + 4 + length }
    }

    public let header: SealedHeader
    let segments: [Segment]
    /// Bytes behind the last whole segment: what a crash tore, or a cut left.
    let tornBytes: Int
    let size: Int
    private let headerBytes: [UInt8]
    private let file: ReadFile
    private let key: SecretBytes

    /// Reads the header and the row of lengths, and compares the header with the place.
    public init(path: String, place: CallPlace, object: SealedObjectName, key: CallKey, disk: Disk = Disk()) throws(SealedReadError) {
        let layout: Layout
        do throws(FileError) {
            file = try disk.openForReading(path)
            layout = try Layout(file)
        } catch {
            throw .disk(error)
        }
        headerBytes = layout.header
        segments = layout.segments
        size = layout.size
        tornBytes = layout.tornBytes
        guard let header = SealedHeader(canonicalBytes: headerBytes) else { throw .malformedHeader }
        guard header.place == place, header.object == object, key.tenant == place.tenant, key.call == place.call,
            key.keyClass == object.kind.keyClass
        else { throw .wrongPlace }
        self.header = header
        self.key = key.secret
    }

    /// The row of lengths, read without opening anything.
    private struct Layout {
        var header: [UInt8] = []
        var segments: [Segment] = []
        let size: Int
        var tornBytes: Int

        /// An impossible header length gives an empty header, which no parser takes.
        init(_ file: ReadFile) throws(FileError) {
            size = file.size
            tornBytes = size
            guard let headerLength = try Self.integer(file, at: 0), headerLength <= SealedHeader.limit else { return }
            header = try file.read(at: 4, count: headerLength)
            var offset = 4 + headerLength
            while offset < size {
                guard let length = try Self.integer(file, at: offset), length >= SegmentFormat.messageMinimum,
                    length <= SegmentFormat.messageLimit, length <= size - offset - 4
                else { break }
                segments.append(Segment(offset: offset, length: length))
                offset += 4 + length
            }
            tornBytes = max(0, size - offset)
        }

        private static func integer(_ file: ReadFile, at offset: Int) throws(FileError) -> Int? {
            let bytes = try file.read(at: offset, count: 4)
            return bytes.count == 4 ? Int(bytes.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) : nil
        }
    }

    /// A segment's content: its kind and what follows.
    func open(_ number: Int) throws(SealedReadError) -> (kind: SegmentKind, content: ArraySlice<UInt8>) {
        let segment = segments[number]
        let previous: [UInt8]
        let message: [UInt8]
        do throws(FileError) {
            message = try file.read(at: segment.offset + 4, count: segment.length)
            previous =
                number == 0
                ? SegmentFormat.noCommitment
                : try file.read(at: segments[number - 1].offset + 4 + Cobblestone256.saltSize, count: Cobblestone256.commitmentSize)
        } catch {
            throw .disk(error)
        }
        let context = SegmentFormat.context(header: headerBytes, number: UInt64(number), previous: previous)
        let plaintext: [UInt8]
        do throws(CryptoError) {
            plaintext = try Cobblestone256.open(message, key: key, context: context)
        } catch {
            throw .notAuthentic(segment: UInt64(number))
        }
        guard let kind = plaintext.first.flatMap(SegmentKind.init(rawValue:)) else { throw .malformedContent(segment: UInt64(number)) }
        return (kind, plaintext.dropFirst())
    }

    func commitment(_ number: Int) throws(SealedReadError) -> [UInt8] {
        do throws(FileError) {
            return try file.read(at: segments[number].offset + 4 + Cobblestone256.saltSize, count: Cobblestone256.commitmentSize)
        } catch {
            throw .disk(error)
        }
    }

    /// The torn end, for judging whether a crash or a hand left it.
    func tornEnd() throws(SealedReadError) -> [UInt8] {
        do throws(FileError) { return try file.read(at: size - tornBytes, count: min(tornBytes, 65_536)) } catch { throw .disk(error) }
    }

    /// Whether the torn end begins as the next segment must: its salt and commitment fit key, header, number and predecessor.
    func isOwnBeginning(_ torn: [UInt8]) throws(SealedReadError) -> Bool {
        let body = Array(torn.dropFirst(4))
        guard body.count >= Cobblestone256.headerSize else { return true }
        let previous = segments.isEmpty ? SegmentFormat.noCommitment : try commitment(segments.count - 1)
        let context = SegmentFormat.context(header: headerBytes, number: UInt64(segments.count), previous: previous)
        return Cobblestone256.isCommitted(body, key: key, context: context)
    }

    /// The index of a closed body; nil when the last segment is none.
    func index() throws(SealedReadError) -> SegmentIndex? {
        guard let last = segments.indices.last else { return nil }
        let (kind, content) = try open(last)
        guard kind == .index else { return nil }
        guard let index = SegmentIndex(content) else { throw .malformedContent(segment: UInt64(last)) }
        return index
    }

    // MARK: - Content

    /// Frames of an audio body that touch the span, in order. A closed body is read from its index; an unfinished one from the start.
    public func frames(
        from: MediaTime = MediaTime(ticks: .min), to: MediaTime = MediaTime(ticks: .max)
    ) throws(SealedReadError) -> [StoredFrame] {
        guard let speaker = header.object.leg else { return [] }
        var frames: [StoredFrame] = []
        let index = try index()
        for number in segments.indices {
            if let index {
                guard number < index.entries.count else { break }
                if number + 1 < index.entries.count, index.entries[number + 1].position <= from { continue }
                if index.entries[number].position > to { break }
            }
            let (kind, content) = try open(number)
            if kind == .index { break }
            guard kind == .frames, let found = SegmentFormat.frames(content, speaker: speaker) else {
                throw .malformedContent(segment: UInt64(number))
            }
            frames += found.filter { $0.position + Int64($0.durationMilliseconds) > from && $0.position < to }
        }
        return frames
    }

    /// Every JSON line of a body of lines, or its one document.
    public func lines() throws(SealedReadError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for number in segments.indices {
            let (kind, content) = try open(number)
            if kind == .index { break }
            guard kind == .line else { throw .malformedContent(segment: UInt64(number)) }
            lines.append(Array(content))
        }
        return lines
    }
}

/// A frame as it is read back.
public struct StoredFrame: Equatable, Sendable {
    public var speaker: Speaker
    public var position: MediaTime
    public var durationMilliseconds: UInt16
    /// Silence stands here in place of what was heard.
    public var isSilenced: Bool
    /// Coded as the body's header says; empty means lost.
    public var payload: [UInt8]
}
