public import SottoBase
internal import SottoCrypto

/// What a call's key file (`audio.keys`) holds: the call key, wrapped by a branch key. Small and rewritable: rotation rewrites it and
/// leaves the sealed bodies alone; destroying it erases them.
public struct CallKeyFile: Equatable, Sendable {
    public var tenant: TenantName
    public var call: CallID
    public var keyClass: KeyClass
    /// Whose branch key opens it: the key service's name.
    public var recipient: String
    public var branchVersion: UInt32
    /// XAES-256-GCM: nonce ‖ ciphertext ‖ tag, with everything above as associated data.
    public var wrap: [UInt8]

    static let title = "sotto-call-key v1"

    public func serialized() -> [UInt8] {
        FieldLines.write(
            Self.title,
            [
                ("tenant", tenant.text), ("call", call.description), ("class", keyClass.rawValue), ("recipient", recipient),
                ("branch", String(branchVersion)), ("wrap", Base64.encode(wrap)),
            ])
    }

    /// nil for anything that `serialized` could not have written.
    public init?(_ bytes: [UInt8]) {
        guard let fields = FieldLines.read(Self.title, bytes, names: ["tenant", "call", "class", "recipient", "branch", "wrap"]),
            let tenant = TenantName(fields[0]), let call = CallID(fields[1]), let keyClass = KeyClass(rawValue: fields[2]),
            !fields[3].isEmpty, let branch = UInt32(fields[4]), branch > 0, String(branch) == fields[4],
            let wrap = Base64.decode(fields[5])
        else { return nil }
        self.init(tenant: tenant, call: call, keyClass: keyClass, recipient: fields[3], branchVersion: branch, wrap: wrap)
    }

    init(tenant: TenantName, call: CallID, keyClass: KeyClass, recipient: String, branchVersion: UInt32, wrap: [UInt8]) {
        self.tenant = tenant
        self.call = call
        self.keyClass = keyClass
        self.recipient = recipient
        self.branchVersion = branchVersion
        self.wrap = wrap
    }

    /// What the wrap is bound to. Every part is ended by a zero byte, which none can contain.
    var associatedData: [UInt8] {
        ["sotto call key v1", tenant.text, call.description, keyClass.rawValue, String(branchVersion), recipient]
            .flatMap { Array($0.utf8) + [0] }
    }
}

/// A key that the key service wrapped, as it lies in the hierarchy's folder: a branch key, a digest key, a signing key.
struct ServiceWrapFile: Equatable {
    var context: KeyContext
    var recipient: String
    var created: WallTime
    /// Public knowledge that goes with it: a signing key's public half and life; `-` otherwise.
    var note: String
    var wrap: [UInt8]

    private static let title = "sotto-wrapped-key v1"

    func serialized() -> [UInt8] {
        FieldLines.write(
            Self.title,
            [
                ("key", context.key.description), ("purpose", context.purpose), ("version", String(context.version)),
                ("recipient", recipient), ("created", String(created.milliseconds)), ("note", note), ("wrap", Base64.encode(wrap)),
            ])
    }

    /// nil when the file is malformed or stands for another context than it is read for.
    init?(_ bytes: [UInt8], expected: KeyContext) {
        guard
            let fields = FieldLines.read(
                Self.title, bytes, names: ["key", "purpose", "version", "recipient", "created", "note", "wrap"]),
            fields[0] == expected.key.description, fields[1] == expected.purpose, fields[2] == String(expected.version),
            let created = Int64(fields[4]), let wrap = Base64.decode(fields[6])
        else { return nil }
        self.init(context: expected, recipient: fields[3], created: WallTime(milliseconds: created), note: fields[5], wrap: wrap)
    }

    init(context: KeyContext, recipient: String, created: WallTime, note: String, wrap: [UInt8]) {
        self.context = context
        self.recipient = recipient
        self.created = created
        self.note = note
        self.wrap = wrap
    }
}
