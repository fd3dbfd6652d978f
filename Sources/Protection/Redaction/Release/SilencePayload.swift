/// How a codec encodes silence, so that a masked frame has the length of the one it replaces.
public enum SilencePayload: Equatable, Sendable {
    /// One byte repeated: PCMU 0xFF, PCMA 0xD5, 8 bytes a millisecond.
    case repeated(UInt8, bytesPerMillisecond: Int)
    /// A payload per frame duration in milliseconds. A duration without one gets an empty payload: silence that was never coded.
    case fixed([UInt16: [UInt8]])

    func payload(milliseconds: UInt16) -> [UInt8] {
        switch self {
        case .repeated(let byte, let rate): Array(repeating: byte, count: min(4_096, max(0, rate) * Int(min(milliseconds, 512))))
        case .fixed(let payloads): payloads[milliseconds] ?? []
        }
    }
}
