internal import SottoBase

/// A place for one session in its thread's table.
///
///     free ──reserve──▶ reserved ──start──▶ started ──close──▶ free
///                           └─────────close──────────────────────▲
struct MediaSlot: ~Copyable {
    enum State {
        case free
        case reserved
        case started
    }

    var id = MediaSessionID(0)
    var ports = MediaPorts(range: 0, rtp: 0, rtcp: 0)
    var isIPv6 = false
    private var rtp: UDPSocket?
    private var rtcp: UDPSocket?
    /// -1 while the place is free.
    private(set) var rtpDescriptor: Int32 = -1
    private(set) var rtcpDescriptor: Int32 = -1
    /// The stream is large and exists only while it runs.
    var stream: UnsafeMutablePointer<MediaStream>?

    var state: State { rtpDescriptor < 0 ? .free : stream == nil ? .reserved : .started }

    mutating func install(rtp: consuming UDPSocket, rtcp: consuming UDPSocket) {
        rtpDescriptor = rtp.descriptor
        rtcpDescriptor = rtcp.descriptor
        self.rtp = consume rtp
        self.rtcp = consume rtcp
    }

    /// Closes the sockets and forgets keys and buffers.
    mutating func clear() {
        if let stream {
            stream.deinitialize(count: 1)
            stream.deallocate()
        }
        stream = nil
        rtp = nil
        rtcp = nil
        rtpDescriptor = -1
        rtcpDescriptor = -1
    }
}
