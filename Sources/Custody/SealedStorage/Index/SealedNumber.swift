internal import Keys
internal import SottoBase
internal import SottoCrypto

/// A number as the index knows it: a digest under the tenant's key for search, and a copy for display sealed under the call's key.
struct SealedNumber: Sendable {
    var digest: [UInt8]?
    var sealed: [UInt8]?

    init(_ number: String?, field: String, place: CallPlace, digestKey: SecretBytes, key: CallKey) throws(StorageError) {
        guard let number, !number.isEmpty else { return }
        guard number.utf8.count <= 256 else { throw .tooLarge }
        digest = try Self.digest(number, key: digestKey)
        do throws(CryptoError) {
            sealed = try Cobblestone256.seal(Array(number.utf8), key: key.secret, context: Self.context(field, place))
        } catch {
            throw .crypto(error)
        }
    }

    static func digest(_ number: String, key: SecretBytes) throws(StorageError) -> [UInt8] {
        do throws(CryptoError) {
            return try HMAC.code(.sha256, key: key, Array("sotto number v1".utf8) + [0], Array(number.utf8))
        } catch {
            throw .crypto(error)
        }
    }

    static func open(_ sealed: [UInt8], field: String, place: CallPlace, key: CallKey) throws(StorageError) -> String {
        do throws(CryptoError) {
            return String(decoding: try Cobblestone256.open(sealed, key: key.secret, context: context(field, place)), as: UTF8.self)
        } catch {
            throw .crypto(error)
        }
    }

    private static func context(_ field: String, _ place: CallPlace) -> [UInt8] {
        ["sotto display v1", place.tenant.text, place.call.description, field].flatMap { Array($0.utf8) + [0] }
    }
}
