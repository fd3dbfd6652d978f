public import SottoBase

/// A key that was pressed, as an INFO tells it (`application/dtmf-relay`, `application/dtmf`). It may be part of a card number or a PIN, so
/// it shows nothing of itself.
public struct SIPDigit: Hashable, Sendable, CustomStringConvertible {
    /// One byte of ASCII: `0`–`9`, `*`, `#`, `A`–`D`.
    public let key: SecretBytes
    /// As the peer says, 0–10,000 ms; nil when it does not.
    public let duration: Duration?

    init(key: SecretBytes, duration: Duration?) {
        self.key = key
        self.duration = duration
    }

    public var description: String { "SIPDigit" }
}
