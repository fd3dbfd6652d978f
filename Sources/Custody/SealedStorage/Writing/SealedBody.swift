internal import DurableFiles
internal import Keys
internal import SottoBase
internal import SottoCrypto
internal import Synchronization

/// A body that is being written: a header, then whole segments, each bound to the one before it. Nothing in it is ever rewritten.
///
/// A segment that cannot be written is taken back whole, so that the row stays readable and the next one may still succeed.
final class SealedBody: Sendable {
    private struct State {
        var number: UInt64 = 0
        var previous = SegmentFormat.noCommitment
        var index = SegmentIndex()
        var unsynchronized = false
        var isClosed = false
    }

    let object: SealedObjectName
    private let place: CallPlace
    private let header: [UInt8]
    private let key: SecretBytes
    private let file: AppendFile
    private let state = Mutex(State())

    /// Makes the file and its name durable. Called on the storage's worker.
    init(_ header: SealedHeader, key: CallKey, folder: String, disk: Disk) throws(StorageError) {
        object = header.object
        place = header.place
        self.key = key.secret
        self.header = header.canonicalBytes()
        let path = "\(folder)/\(header.object)"
        do throws(FileError) {
            file = try disk.create(path)
            var start: [UInt8] = []
            start.appendInteger(UInt32(self.header.count))
            do throws(FileError) {
                try file.append(start + self.header)
                try file.synchronize()
                try disk.synchronizeFolder(folder)
            } catch {
                // Half a header helps nobody; the next attempt makes a new file.
                file.close()
                try? disk.remove(path)
                throw error
            }
        } catch {
            throw .disk(error)
        }
    }

    /// Seals one segment and hands it to the kernel: it survives the process, and a power cut once `synchronize` has returned.
    func append(_ content: [UInt8], position: MediaTime) throws(StorageError) {
        try change { state throws(StorageError) in
            guard !state.isClosed else { throw .closed }
            let offset = UInt64(file.size)
            try write(content, &state)
            state.index.entries.append(.init(position: position, offset: offset))
        }
    }

    func synchronize() throws(StorageError) {
        try change { state throws(StorageError) in
            guard state.unsynchronized else { return }
            do throws(FileError) { try file.synchronize() } catch { throw .disk(error) }
            state.unsynchronized = false
        }
    }

    /// Writes the index, makes all durable and gives what the audit leaf says. A second call is an error.
    func close(lost: UInt64) throws(StorageError) -> SealedClosing {
        try change { state throws(StorageError) in
            guard !state.isClosed else { throw .closed }
            state.index.lost = lost
            state.isClosed = true
            defer { file.close() }
            try write(state.index.serialized(), &state)
            do throws(FileError) { try file.synchronize() } catch { throw .disk(error) }
            return SealedClosing(
                place: place, object: object, segments: UInt64(state.index.entries.count), lastCommitment: state.previous,
                bytes: UInt64(file.size), lost: lost)
        }
    }

    private func write(_ content: [UInt8], _ state: inout State) throws(StorageError) {
        let context = SegmentFormat.context(header: header, number: state.number, previous: state.previous)
        let message: [UInt8]
        do throws(CryptoError) { message = try Cobblestone256.seal(content, key: key, context: context) } catch { throw .crypto(error) }
        guard message.count <= SegmentFormat.messageLimit, let commitment = Cobblestone256.commitment(of: message) else {
            throw .tooLarge
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(message.count + 4)
        bytes.appendInteger(UInt32(message.count))
        bytes += message
        do throws(FileError) { try file.append(bytes) } catch { throw .disk(error) }
        state.number += 1
        state.previous = commitment
        state.unsynchronized = true
    }

    private func change<Value>(_ body: (inout sending State) throws(StorageError) -> sending Value) throws(StorageError) -> Value {
        try state.withLock(body)
    }
}
