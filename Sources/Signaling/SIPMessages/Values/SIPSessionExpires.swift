public import SottoBase

/// The Session-Expires header (RFC 4028 §4): how long the session lasts unless it is refreshed, and who refreshes it.
public struct SIPSessionExpires: Hashable, Sendable {
    public enum Refresher: Hashable, Sendable {
        case uac, uas
    }

    /// As written: whoever reads it compares with the minimum of 90 (§5).
    public var seconds: UInt32
    /// Nil: the answerer chooses (§9).
    public var refresher: Refresher?

    public init(seconds: UInt32, refresher: Refresher? = nil) {
        self.seconds = seconds
        self.refresher = refresher
    }

    /// Nil when the value breaks the grammar. An unknown refresher counts as none.
    public init?(_ text: WireText) {
        guard let value = SIPTokenValue(text), let seconds = value.token.decimal() else { return nil }
        self.seconds = UInt32(seconds)
        if let name = value.parameters.value("refresher") {
            refresher = name.equalsIgnoringCase("uac") ? .uac : name.equalsIgnoringCase("uas") ? .uas : nil
        } else {
            refresher = nil
        }
    }

    public var header: SIPHeader {
        switch refresher {
        case .uac: SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uac"))
        case .uas: SIPHeader(.sessionExpires, WireText("\(seconds);refresher=uas"))
        case nil: SIPHeader(.sessionExpires, WireText("\(seconds)"))
        }
    }
}
