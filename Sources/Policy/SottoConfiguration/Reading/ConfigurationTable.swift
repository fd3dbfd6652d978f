/// A key of a table: what the loader accepts and what the manual says about it.
public struct ConfigurationField: Hashable, Sendable {
    public let key: String
    /// What its value is: `string`, `duration`, `list of addresses`.
    public let type: String
    /// What counts when it is left out; nil when it is required or has no default.
    public let standard: String?
    public let isRequired: Bool
    /// What it means, with unit and range.
    public let text: String

    static func required(_ key: String, _ type: String, _ text: String) -> ConfigurationField {
        ConfigurationField(key: key, type: type, standard: nil, isRequired: true, text: text)
    }

    static func optional(_ key: String, _ type: String, _ standard: String, _ text: String) -> ConfigurationField {
        ConfigurationField(key: key, type: type, standard: standard, isRequired: false, text: text)
    }

    /// Without a default.
    static func optional(_ key: String, _ type: String, _ text: String) -> ConfigurationField {
        ConfigurationField(key: key, type: type, standard: nil, isRequired: false, text: text)
    }
}

/// A table of a configuration file.
public struct ConfigurationTable: Hashable, Sendable {
    /// As the file writes it: `[media]`, `[[trunk]]`, `trunk.limits = { … }`.
    public let header: String
    public let text: String
    public let fields: [ConfigurationField]
    /// Keys of sub-tables, which have an entry of their own.
    let tables: [String]
    /// Keys of later versions, with what is to be said about them.
    let later: [String: String]

    init(_ header: String, _ text: String, _ fields: [ConfigurationField], tables: [String] = [], later: [String: String] = [:]) {
        self.header = header
        self.text = text
        self.fields = fields
        self.tables = tables
        self.later = later
    }

    var keys: [String] { fields.map(\.key) + tables }
}

/// Every table and key that the files may hold. The loader accepts exactly these; the manual is printed from the same rows.
public enum ConfigurationReference {
    /// `sotto.toml`: the machine.
    public static let machine: [ConfigurationTable] = MachineTables.all
    /// `tenants/NAME.toml`: policy, one file per tenant.
    public static let tenant: [ConfigurationTable] = TenantTables.all

    /// The whole reference as Markdown.
    public static var markdown: String {
        section("sotto.toml: the machine", machine) + "\n" + section("tenants/NAME.toml: one tenant's policy", tenant)
    }

    /// The tables whose header holds `word`, as plain text for a terminal; all of them for an empty word.
    public static func plainText(matching word: String = "") -> String {
        var result = ""
        for (file, tables) in [("sotto.toml", machine), ("tenants/NAME.toml", tenant)] {
            for table in tables where word.isEmpty || table.header.contains(word) {
                result += "\(file)  \(table.header)\n    \(table.text)\n"
                for field in table.fields {
                    let standard = field.isRequired ? "required" : field.standard.map { "default \($0)" } ?? "optional"
                    result += "\n    \(field.key) (\(field.type), \(standard))\n        \(field.text)\n"
                }
                result += "\n"
            }
        }
        return result
    }

    private static func section(_ title: String, _ tables: [ConfigurationTable]) -> String {
        var result = "## \(title)\n"
        for table in tables {
            result += "\n### `\(table.header)`\n\n\(table.text)\n"
            guard !table.fields.isEmpty else { continue }
            result += "\n| key | value | default | meaning |\n|---|---|---|---|\n"
            for field in table.fields {
                let standard = field.isRequired ? "*required*" : field.standard.map { "`\($0)`" } ?? ""
                result += "| `\(field.key)` | \(field.type) | \(standard) | \(field.text.replacingBars) |\n"
            }
        }
        return result
    }
}

extension String {
    fileprivate var replacingBars: String { split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|") }
}
