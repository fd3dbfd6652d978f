/// Versions that records name.
public enum SottoVersion {
    public static let daemon = "0.1.0"
    /// Rises with every change of the redaction rules.
    public static let redaction = "1"
}
