import DTMF
public import FuzzKit
import RTP
import SottoBase

/// Events, tones and audio in any order through receiver, sender and delay line: what belongs to a key leaves as silence.
public func fuzzGuard(_ bytes: [UInt8]) -> FuzzFinding? {
    var chance = ByteChance(bytes)
    let rate = [8_000, 48_000][chance.below(2)]
    let delay = 40 + chance.below(81)
    var line = DTMFGuard(delayMilliseconds: delay)
    var receiver = DTMFReceiver(clockRate: rate)
    var sender = TelephoneEventSender()
    var clock = RTPMediaClock(clockRate: rate)
    clock.anchor(chance.word(), at: .zero)
    let samples = [Int16](repeating: 1_000, count: 400)
    var position = MediaTime.zero
    var timestamp = chance.word()
    /// From here on everything that leaves is silence, while an event is open.
    var openFrom: Int64?
    var lastLeft = Int64.min
    var turns = 0

    func apply(_ change: DTMFChange, _ line: inout DTMFGuard) {
        line.apply(change)
        if change.ended != nil { openFrom = nil }
        if let began = change.began { openFrom = min(openFrom ?? .max, began.ticks &- Int64(delay) &* 48) }
        if change.endedNext != nil { openFrom = nil }
    }

    while !chance.isSpent, turns < 1_000 {
        turns += 1
        switch chance.below(8) {
        case 0...3:
            let count = chance.isOne(of: 16) ? chance.below(400) : 320
            let isIn = samples.withUnsafeBufferPointer {
                line.push(UnsafeBufferPointer(rebasing: $0[..<count]), at: position)
            }
            if isIn { position = MediaTime(ticks: position.ticks &+ Int64(count) &* 3) }
            timestamp &+= UInt32(rate / 50)
        case 4:
            let payload = chance.take(chance.isOne(of: 4) ? chance.below(8) : 4)
            let time = chance.isOne(of: 4) ? chance.word() : timestamp
            let change = payload.withUnsafeBytes {
                receiver.packetReceived($0, timestamp: time, marker: chance.isOne(of: 2), clock: clock, now: position)
            }
            apply(change, &line)
        case 5:
            // A key as our own sender says it, with packets lost on the way.
            if !sender.isSending, let key = Key(event: chance.byte() & 15) {
                sender.begin(key, ticks: UInt64(chance.below(65_536)), timestamp: timestamp)
            }
            if chance.isOne(of: 6) { sender.release() }
            guard let packet = sender.next(ticks: UInt32(rate / 50)), !chance.isOne(of: 3) else { continue }
            var payload = [UInt8](repeating: 0, count: TelephoneEvent.size)
            let change = payload.withUnsafeMutableBytes { target in
                _ = packet.event.write(into: target)
                return receiver.packetReceived(
                    UnsafeRawBufferPointer(target), timestamp: packet.timestamp, marker: packet.marker, clock: clock, now: position)
            }
            apply(change, &line)
        case 6:
            apply(chance.isOne(of: 8) ? receiver.finishEvent(now: position) : receiver.timePassed(now: position), &line)
        default:
            let payload = chance.take(chance.below(256))
            _ = payload.withUnsafeBytes { line.push(payload: $0, at: position, durationMilliseconds: chance.below(130)) }
            if chance.isOne(of: 32) { clock.anchor(timestamp, at: position) }
        }
        while let audio = line.popAudio() {
            guard audio.position.ticks >= lastLeft else { return FuzzFinding(property: "audio leaves in order") }
            lastLeft = audio.position.ticks
            let end = audio.position.ticks &+ Int64(audio.samples.count) &* 3
            let isSilent = audio.samples.allSatisfy { $0 == 0 }
            if let openFrom, end > openFrom, !isSilent { return FuzzFinding(property: "a key that is on is not heard") }
            guard isSilent == audio.flags.contains(.cut) else { return FuzzFinding(property: "a cut is marked, nothing else is cut") }
        }
        while let payload = line.popPayload() {
            if payload.isCut, !payload.bytes.isEmpty { return FuzzFinding(property: "a payload that is cut is empty") }
        }
        if !receiver.isInEvent, openFrom != nil { return FuzzFinding(property: "a cut ends with its event") }
    }
    return nil
}
