/// What a check of a body found.
public struct ObjectReport: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        /// Every segment is authentic, the index is there, and the audit leaf says the same.
        case closed
        /// No leaf: the daemon died in the call, or the call runs. What is there is authentic.
        case unfinished
        /// The leaf names more than there is: the end was cut off after the close.
        case truncated
        /// Something was changed, moved or added.
        case tampered(Finding)
    }

    public enum Finding: Equatable, Sendable {
        case malformedHeader
        case wrongPlace
        case notAuthentic(segment: UInt64)
        case malformedContent(segment: UInt64)
        /// Bytes behind the end that no segment of this body can be.
        case foreignBytes(count: Int)
        /// Whole segments that the leaf or the index does not know.
        case unexpectedSegments
        /// As many segments as the leaf says, but another end: the body was replaced.
        case otherThanLeaf
    }

    public var state: State
    /// Content segments that are there.
    public var segments: UInt64
    /// What the leaf says; nil without one.
    public var expectedSegments: UInt64?
    public var hasIndex: Bool
    /// Bytes of a torn last segment, ignored by readers.
    public var tornBytes: Int
    /// Entries that were lost while it was written, as its index says.
    public var lost: UInt64
}

extension ObjectReport.Finding {
    /// nil for an error that says nothing of the body: the disk's.
    init?(_ error: SealedReadError) {
        switch error {
        case .disk: return nil
        case .malformedHeader: self = .malformedHeader
        case .wrongPlace: self = .wrongPlace
        case .notAuthentic(let segment): self = .notAuthentic(segment: segment)
        case .malformedContent(let segment): self = .malformedContent(segment: segment)
        }
    }
}

extension SealedBodyReader {
    /// Opens every segment and compares the whole with its audit leaf.
    public func inspect(leaf: SealedClosing?) throws(SealedReadError) -> ObjectReport {
        var report = ObjectReport(
            state: .unfinished, segments: 0, expectedSegments: leaf?.segments, hasIndex: false, tornBytes: tornBytes, lost: 0)

        func tampered(_ finding: ObjectReport.Finding) -> ObjectReport {
            report.state = .tampered(finding)
            return report
        }

        var index: SegmentIndex?
        for number in segments.indices {
            if index != nil { return tampered(.unexpectedSegments) }
            let kind: SegmentKind
            let content: ArraySlice<UInt8>
            do throws(SealedReadError) {
                (kind, content) = try open(number)
            } catch {
                guard let finding = ObjectReport.Finding(error) else { throw error }
                return tampered(finding)
            }
            switch kind {
            case .index:
                guard let found = SegmentIndex(content), found.entries.map(\.offset) == segments[..<number].map({ UInt64($0.offset) })
                else { return tampered(.malformedContent(segment: UInt64(number))) }
                index = found
                report.hasIndex = true
                report.lost = found.lost
            case .frames, .line:
                report.segments += 1
            }
        }

        if tornBytes > 0 {
            // A crash leaves the beginning of our own next segment, or zeros that were never written. Nothing comes behind an index.
            let torn = try tornEnd()
            let isOurs = try isOwnBeginning(torn)
            if index != nil || !(isOurs || torn.allSatisfy { $0 == 0 }) { return tampered(.foreignBytes(count: tornBytes)) }
        }

        guard let leaf else { return report }
        if report.segments > leaf.segments { return tampered(.unexpectedSegments) }
        if report.segments < leaf.segments || !report.hasIndex {
            // As long as it was and yet short of segments: a length was changed, nothing was cut.
            report.state = UInt64(size) >= leaf.bytes ? .tampered(.otherThanLeaf) : .truncated
            return report
        }
        guard let last = segments.indices.last, try commitment(last) == leaf.lastCommitment, UInt64(size) == leaf.bytes else {
            return tampered(.otherThanLeaf)
        }
        report.state = .closed
        return report
    }
}
