import Foundation
import NIOPosix
import SottoTestCertificates
import SottoTestPeer
import SottoTLS

/// A call to a running daemon at log level debug: what is waited for is what its log says.
final class ServiceCall {
    let peer: PeerCall
    private let connection: PeerConnection
    private let daemon: RunningDaemon
    private var id: String?

    /// Calls the reception, and is answered.
    init(_ daemon: RunningDaemon, in folder: ServiceFolder) async throws {
        guard let port = daemon.port.flatMap({ UInt16(exactly: $0) }) else { throw ServiceFolder.Failure(step: "no port: \(daemon.log)") }
        self.daemon = daemon
        let group = MultiThreadedEventLoopGroup.singleton
        let context = try TLSContext.client(trust: folder.authority.trust, now: .systemNow)
        connection = try await PeerConnection.open(to: port, as: context, expecting: "sotto.example", group: group)
        peer = try PeerCall(on: connection, from: "+4930111", to: "+4930222", offer: PeerOffer(), loop: group.next())
        let known = Set(daemon.lines("call.arrived"))
        let response = try await peer.invite()
        guard response.status == 200 else { throw ServiceFolder.Failure(step: "refused: \(response.startLine)") }
        id = try await wait("the call in the log") {
            daemon.lines("call.arrived").first { !known.contains($0) }?.split(separator: " ").first { $0.hasPrefix("call=") }
                .map { String($0.dropFirst(5)) }
        }
    }

    /// As the daemon names it.
    var name: String { id ?? "" }

    /// Waits for an event of this call whose line contains `text`.
    func logged(_ event: String, _ text: String = "", within limit: Duration = .seconds(40)) async throws {
        do {
            try await waitUntil("\(event) \(text)", within: limit) {
                daemon.lines(event).contains { $0.contains("call=\(name)") && (text.isEmpty || $0.contains(text)) }
            }
        } catch let error as TimedOut {
            throw ServiceFolder.Failure(step: "\(error)\n\(daemon.log)")
        }
    }

    /// Agrees to be recorded, by key.
    func consent() async throws {
        try await logged("voice.said", "May we record")
        peer.media.press("1")
        try await logged("consent.granted")
    }

    /// Waits until the first question of the dialogue is being asked; a key may answer it from then on.
    func prompted() async throws { try await logged("voice.said", "How can I help you") }

    /// The daemon is no more.
    func abandon() async {
        await peer.media.stop()
        await connection.close()
    }

    func bye() async throws {
        try await peer.bye()
        await connection.close()
    }
}

extension RunningDaemon {
    /// Lines of the log with this event.
    func lines(_ event: String) -> [String] { log.split(separator: "\n").filter { $0.contains(" \(event) ") }.map(String.init) }
}
