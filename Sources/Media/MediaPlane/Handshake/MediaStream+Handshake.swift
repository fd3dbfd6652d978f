internal import RTP
internal import SRTP
internal import SottoBase

/// A session's side of its DTLS handshake: the worker does the rest.
struct HandshakeState {
    /// Datagrams that one session may hand to the worker in a second; a handshake has a dozen.
    static let datagramsPerSecond = 48

    /// nil without DTLS keys.
    var ticket: HandshakeTicket?
    var isEstablished = false
    private var second: Int64 = 0
    private var count = 0

    /// One more datagram: may it pass?
    mutating func admit(now: Instant) -> Bool {
        let current = now.nanoseconds / 1_000_000_000
        if current != second {
            second = current
            count = 0
        }
        count += 1
        return count <= Self.datagramsPerSecond
    }
}

extension MediaStream {
    mutating func beginHandshake(_ tools: borrowing MediaTools) {
        guard let keying = settings.dtls else { return }
        let ticket = tools.handshakes.makeTicket(id)
        handshake.ticket = ticket
        handshake.isEstablished = false
        guard tools.handshakes.order(.begin(ticket, keying)) else {
            handshake.ticket = nil
            return tools.events.push(.dtlsFailed(id, .overloaded))
        }
    }

    /// RFC 8842 §5: another fingerprint, role or association means a new handshake. The keys that serve now serve until it is done.
    mutating func changeHandshake(from old: MediaSettings, _ tools: borrowing MediaTools, now: Instant) {
        guard settings.dtls != old.dtls || (settings.dtls != nil && handshake.ticket == nil) else { return }
        endHandshake(tools)
        beginHandshake(tools)
    }

    mutating func endHandshake(_ tools: borrowing MediaTools) {
        if let ticket = handshake.ticket { _ = tools.handshakes.order(.end(ticket)) }
        handshake.ticket = nil
    }

    /// A DTLS datagram. Only the address that signaling named may take part: whoever else says hello is ignored and counted.
    mutating func handshakeReceived(
        _ bytes: UnsafeRawBufferPointer, from source: SocketAddress, _ tools: borrowing MediaTools, now: Instant
    ) {
        guard let ticket = handshake.ticket, source == settings.rtpAddress, bytes.count >= 13, handshake.admit(now: now),
            tools.handshakes.order(.datagram(ticket, Array(bytes)))
        else { return countIgnored(tools) }
    }

    private mutating func countIgnored(_ tools: borrowing MediaTools) {
        counters.dtlsIgnored &+= 1
        tools.counters.pointee.dtlsIgnored &+= 1
    }

    /// What the worker says about the handshake that is current.
    mutating func handshakeAnswered(_ reply: HandshakeReply, _ tools: borrowing MediaTools, now: Instant) {
        guard reply.ticket == handshake.ticket else { return }
        switch reply {
        case .datagram(_, let bytes):
            guard let destination = settings.rtpAddress else { return }
            bytes.withUnsafeBytes { _ = transmit($0, on: rtpDescriptor, to: destination, tools) }
        case .ignored: countIgnored(tools)
        case .failed(_, let failure):
            handshake.ticket = nil
            tools.events.push(.dtlsFailed(id, failure))
        case .established(_, let profile, let localKey, let remoteKey):
            do throws(SRTPError) {
                let ssrc = SSRC(UInt32.random(in: 1...UInt32.max))
                // RFC 5764 §4.2: a new association's counters start from zero; the old keys' packets may still be on their way.
                if receiver == nil {
                    receiver = try SRTPReceiver(profile: profile, key: remoteKey)
                    lastAuthentic = now
                } else {
                    try receiver?.restart(profile: profile, key: remoteKey, stragglersUntil: now + SRTPReceiver.usualStragglerTime)
                }
                keyExhausted = false
                let newSender = try SRTPSender(profile: profile, key: localKey, ssrc: ssrc.value)
                install(newSender, ssrc)
                handshake.isEstablished = true
                tools.events.push(.dtlsEstablished(id, profile))
            } catch {
                handshake.ticket = nil
                tools.events.push(.dtlsFailed(id, .noProfile))
            }
        }
    }
}
