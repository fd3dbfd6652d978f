internal import Audio
internal import AuditLog
internal import Calls
internal import Policy
internal import Redaction
internal import SealedStorage
internal import SottoBase

/// Keeps one call: takes masked frames and lines as redaction passes them, seals them, and closes everything into audit leaves.
///
/// Before a grant there is no ring, and so no recording: it keeps the call record, the consent evidence and nothing else. Its messages
/// are worked off in order by a task of its own, so that a slow disk holds up nobody.
final class CallRecorder: Sendable {
    enum Message: Sendable {
        case trace(VoiceTrace)
        case tick
        /// The caller agreed: the ring is empty, and the media thread begins to fill it. `from`: what was heard before is not kept.
        case start(ConsentGrant, RetentionPolicy, RecordingRing, from: MediaTime)
        case stop
        case event(RecordFields, at: MediaTime)
    }

    /// Messages that may wait: a call makes a dozen a second.
    private static let mailboxLimit = 8_192
    private static let tooSlow = "the recorder cannot keep up"

    private let mailbox: Mailbox<Message, CallRecord>
    private let reader: Task<Void, Never>
    private let failed: @Sendable (String, _ began: Bool) -> Void

    /// - Parameters:
    ///   - failed: why recording could not begin or go on, and whether it had begun.
    ///   - closed: everything is closed (or given up); the last thing that happens.
    init(
        place: CallPlace, opening: CallOpening, codec: AudioCodec, retention: RetentionPolicy, storage: SealedStore,
        audit: AuditTrail, failed: @escaping @Sendable (String, _ began: Bool) -> Void,
        closed: @escaping @Sendable (AudioRelease.Counters) -> Void
    ) {
        let mailbox = Mailbox<Message, CallRecord>(limit: Self.mailboxLimit)
        self.mailbox = mailbox
        self.failed = failed
        reader = Task {
            var work = RecorderWork(
                place: place, codec: codec, retention: retention, storage: storage, audit: audit, failed: failed)
            await work.open(opening)
            for await message in mailbox.messages { await work.handle(message) }
            // What redaction passed before the loss is kept; of what came after nobody knows what had to go.
            if mailbox.isBroken { await work.giveUp(Self.tooSlow) }
            if let record = mailbox.last { await work.finish(record) }
            closed(work.counters)
        }
    }

    /// Never blocks. For a recorder that is too slow the recording ends with the first message that finds no room.
    func send(_ message: Message) {
        // Messages in the row may hold the start still: what was kept is known at the end.
        if mailbox.send(message) { failed(Self.tooSlow, true) }
    }

    /// The call is over. Never lost.
    func finish(_ record: CallRecord) { mailbox.close(record) }
}

/// A recorder's state, touched by its task alone.
private struct RecorderWork {
    private let place: CallPlace
    private let storage: SealedStore
    private let audit: AuditTrail
    private let failed: @Sendable (String, _ began: Bool) -> Void

    /// The codec that each leg's part was begun with.
    private var codecs: [Speaker: AudioCodec]
    private var release: AudioRelease?
    /// Masks and safe points from before the ring: a number may be in the middle when the caller agrees.
    private var earlyOutputs: [RedactionSession.Output] = []
    private(set) var counters = AudioRelease.Counters()
    private var granted = MediaTime.zero
    private var sealed: SealedCall?
    private var audio: AudioRecorder?
    private var transcript: LineWriter?
    private var events: LineWriter?
    /// What happened before the grant: kept with the call once there is one.
    private var earlyEvents: [(RecordFields, MediaTime)] = []
    /// Recording began under it.
    private var grant: ConsentGrant?
    private var isRecording = false
    private var failure: String?
    private var closings: [SealedClosing] = []
    private var retentionOfRecord: String

    init(
        place: CallPlace, codec: AudioCodec, retention: RetentionPolicy, storage: SealedStore, audit: AuditTrail,
        failed: @escaping @Sendable (String, _ began: Bool) -> Void
    ) {
        self.place = place
        codecs = [.caller: codec, .agent: codec]
        self.storage = storage
        self.audit = audit
        self.failed = failed
        retentionOfRecord = Self.days(retention.record)
    }

    mutating func open(_ opening: CallOpening) async {
        do throws(StorageError) {
            sealed = try await storage.openCall(place, opening)
        } catch { fail(error.description) }
    }

    mutating func handle(_ message: CallRecorder.Message) async {
        switch message {
        case .trace(.redaction(let output)):
            note(output)
            if case .stored(let line) = output { keep(line) }
            await move()
        case .trace(.said), .trace(.played), .trace(.listening): break
        case .tick: await move()
        case .start(let grant, let retention, let ring, let from): await start(grant, retention, ring, from)
        case .stop: await stop()
        case .event(let fields, let position):
            if let events {
                events.append(fields, at: position)
            } else if earlyEvents.count < 64 {
                earlyEvents.append((fields, position))
            }
        }
    }

    // MARK: - Audio and lines

    /// Moves what redaction has passed from the ring to the recorder; without a grant, to nowhere.
    private mutating func move() async {
        while isRecording, let frame = release?.next() { await keep(frame) }
        if let error = audio?.lastError { fail(error.description) }
    }

    private mutating func note(_ output: RedactionSession.Output) {
        switch output {
        case .mask, .safePoint: break
        case .live, .stored, .keys: return
        }
        release?.apply(output)
        guard release == nil else { return }
        // The latest ones: what is behind them is long over.
        if earlyOutputs.count >= 256 { earlyOutputs.removeFirst() }
        earlyOutputs.append(output)
    }

    /// A leg whose codec changed goes on in a part of its own.
    private mutating func keep(_ frame: Masked<RecordedFrame>) async {
        let header = frame.content.header
        guard let audio, header.position >= granted else { return }
        if let codec = AudioCodec(rawValue: header.codec), codec != codecs[header.speaker] {
            codecs[header.speaker] = codec
            do throws(StorageError) { try await audio.changeCodec(header.speaker, to: codec.recorded) } catch { fail(error.description) }
        }
        audio.append(frame)
    }

    /// The voice side's clock begins a moment after the media session's.
    private static let clockDifference: Int64 = 200

    private func keep(_ line: Masked<StoredUtterance>) {
        guard isRecording, let transcript else { return }
        let utterance = line.content
        // What was said before the grant is not kept, and a recognizer that found no word in a noise says so with an empty line.
        guard utterance.from + Self.clockDifference >= granted, !utterance.text.isEmpty else { return }
        transcript.append(
            TranscriptLine(speaker: utterance.speaker, from: utterance.from, to: utterance.to, text: line.text))
    }

    // MARK: - Consent

    private mutating func start(_ grant: ConsentGrant, _ retention: RetentionPolicy, _ ring: RecordingRing, _ from: MediaTime) async {
        guard let sealed, !isRecording else { return }
        func terms(_ kept: Duration) -> RecordTerms {
            RecordTerms(
                policyVersion: grant.policyVersion, redactionVersion: SottoVersion.redaction, retention: Self.days(kept),
                consent: "\(grant.basis): \(grant.rule)")
        }
        var release = AudioRelease(ring: ring, silence: [:])
        for codec in AudioCodec.allCases { release.setSilence(codec.silence, codec: codec.rawValue) }
        for output in earlyOutputs { release.apply(output) }
        earlyOutputs = []
        self.release = release
        granted = from
        do throws(StorageError) {
            if grant.uses.contains(.recording) {
                audio = try await sealed.startAudio(
                    grant: grant, codecs: codecs.mapValues(\.recorded), terms: terms(retention.audio))
            }
            let events = try await sealed.startEvents(terms: recordTerms(grant.policyVersion))
            for (event, position) in earlyEvents { events.append(event, at: position) }
            earlyEvents = []
            self.events = events
            if grant.uses.contains(.transcription) {
                transcript = try await sealed.startTranscript(grant: grant, terms: terms(retention.transcript))
            }
        } catch {
            return fail(error.description)
        }
        self.grant = grant
        isRecording = true
        await audit.append(
            AuditEntry(
                act: .recordingStarted, actor: .daemon, tenant: place.tenant, call: place.call, reason: grant.rule,
                facts: ["uses": grant.uses.description, "basis": grant.basis]))
    }

    /// The grant was withdrawn: what was recorded under it stays, nothing is added.
    private mutating func stop() async {
        guard isRecording else { return }
        await move()
        isRecording = false
        await close()
        forgetRing()
    }

    private mutating func forgetRing() {
        if let counted = release?.counters { counters = counted }
        release = nil
    }

    /// Messages were lost: what was passed until then stays, nothing is added.
    mutating func giveUp(_ why: String) async {
        await stop()
        fail(why)
    }

    private mutating func fail(_ why: String) {
        guard failure == nil else { return }
        failure = why
        failed(why, grant != nil)
    }

    // MARK: - The end

    private mutating func close() async {
        if let audio {
            do throws(StorageError) { closings += try await audio.close() } catch { fail(error.description) }
        }
        if let transcript { await close(transcript) }
        audio = nil
        transcript = nil
    }

    private mutating func close(_ writer: LineWriter) async {
        do throws(StorageError) { closings.append(try await writer.close()) } catch { fail(error.description) }
    }

    private func recordTerms(_ policyVersion: String) -> RecordTerms {
        RecordTerms(
            policyVersion: policyVersion, redactionVersion: SottoVersion.redaction, retention: retentionOfRecord,
            consent: "none needed: no content")
    }

    private static func days(_ duration: Duration) -> String { "\(duration.components.seconds / 86_400)d" }

    mutating func finish(_ record: CallRecord) async {
        if isRecording {
            // The call is over: what redaction did not pass leaves as silence.
            while let frame = release?.drain() { await keep(frame) }
        }
        forgetRing()
        isRecording = false
        await close()
        if let events { await close(events) }
        events = nil
        let terms = recordTerms(record.policyVersion)
        if let sealed {
            do throws(StorageError) {
                if let evidence = record.consent {
                    closings.append(try await sealed.write(RecordDocuments.consent(evidence), as: .consent, terms: terms))
                }
                closings.append(
                    try await sealed.write(
                        RecordDocuments.record(
                            record, recorded: record.wasRecorded && grant != nil, failure: record.recordingFailure ?? failure,
                            release: counters), as: .record, terms: terms))
                try await sealed.close(
                    CallEnding(
                        ended: record.endedAt, termination: record.termination.cause.rawValue,
                        consent: record.consent.map { RecordDocuments.outcome($0.outcome) } ?? "none"))
            } catch {
                fail(error.description)
            }
        }
        // One leaf for each body: without it a reader calls the body unfinished.
        var entries = closings.map { closing in
            AuditEntry(
                act: .objectClosed, actor: .daemon, tenant: place.tenant, call: place.call,
                facts: [
                    "object": closing.object.description, "segments": String(closing.segments),
                    "commitment": closing.lastCommitment.map(Self.hex).joined(), "bytes": String(closing.bytes),
                    "lost": String(closing.lost),
                ])
        }
        entries.append(
            AuditEntry(
                act: .callEnded, actor: .daemon, outcome: failure == nil ? .done : .failed, tenant: place.tenant, call: place.call,
                reason: record.termination.reason,
                facts: [
                    "cause": record.termination.cause.rawValue, "policy": record.policyVersion,
                    "recorded": grant == nil ? "no" : "yes",
                ]))
        await audit.append(entries)
    }

    private static func hex(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }
}

extension AudioCodec {
    var recorded: RecordedCodec {
        switch self {
        case .opus: RecordedCodec(name: "opus", clockRate: 48_000)
        case .pcmu: RecordedCodec(name: "pcmu", clockRate: 8_000)
        case .pcma: RecordedCodec(name: "pcma", clockRate: 8_000)
        case .g722: RecordedCodec(name: "g722", clockRate: 8_000)
        }
    }

    /// Silence of every duration that a frame may have.
    var silence: SilencePayload {
        switch self {
        case .pcmu: .repeated(0xFF, bytesPerMillisecond: 8)
        case .pcma: .repeated(0xD5, bytesPerMillisecond: 8)
        case .g722: .repeated(0xFF, bytesPerMillisecond: 8)
        case .opus:
            .fixed(
                Dictionary(
                    uniqueKeysWithValues: [10, 20, 40, 60].compactMap { duration in
                        EncodedSilence.payload(.opus, milliseconds: duration).map { (UInt16(duration), $0) }
                    }))
        }
    }
}
