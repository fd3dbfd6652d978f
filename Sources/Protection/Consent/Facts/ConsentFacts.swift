public import Policy

/// The table of jurisdictions, as data. Not legal advice: each row carries its basis, and says whether the statute was read for it.
public struct ConsentFacts: Hashable, Sendable {
    /// Whose consent a recording needs.
    public enum Parties: String, Hashable, Sendable, CaseIterable {
        case one, all
        /// Courts disagree: treated as `all`.
        case contested
    }

    /// A way to tell the parties.
    public enum Notice: String, Hashable, Sendable, CaseIterable {
        /// Told before the recording starts.
        case announcement
        /// Told on the recording itself.
        case announcementRecorded = "announcement-recorded"
        /// A yes that is on the recording itself.
        case consentRecorded = "consent-recorded"
        /// A beep every few seconds. Not part of this version; no row needs it alone.
        case tone
    }

    public struct Row: Hashable, Sendable {
        public let code: Region
        public let parties: Parties
        /// One of these satisfies the row.
        public let noticeAny: [Notice]
        /// Every one of these is due.
        public let noticeAll: [Notice]
        public let note: String?
        public let basis: String?
        public let isChecked: Bool
    }

    /// ISO date of the table.
    public let dated: String
    public let rows: [Region: Row]

    /// The table that is part of this build.
    public static let embedded: ConsentFacts = {
        do { return try ConsentFacts(parsing: PackageResources.consent_toml) } catch {
            preconditionFailure("the embedded table is broken: \(error)")
        }
    }()

    /// Strict: an unknown key, table, party or notice, and a region with two rows, are errors.
    public init(parsing bytes: [UInt8]) throws(ConsentFactsError) {
        var dated: String?
        var rows: [Region: Row] = [:]
        for table in try FactsTable.parse(bytes) {
            switch table.name {
            case "":
                if case .bare(let date)? = table.values["dated"] { dated = date }
            case "jurisdiction":
                for row in try Self.rows(of: table) {
                    guard rows.updateValue(row, forKey: row.code) == nil else {
                        throw ConsentFactsError(line: table.line, rule: "one row for each region")
                    }
                }
            case "tone", "ai-disclosure":
                break
            default:
                throw ConsentFactsError(line: table.line, rule: "a table that is known")
            }
        }
        guard let dated else { throw ConsentFactsError(line: 1, rule: "the table's date") }
        self.dated = dated
        self.rows = rows
    }

    private static func rows(of table: FactsTable) throws(ConsentFactsError) -> [Row] {
        let known: Set = ["code", "codes", "parties", "notice-any", "notice-all", "note", "basis", "checked"]
        guard known.isSuperset(of: table.values.keys) else { throw ConsentFactsError(line: table.line, rule: "only known keys in the row") }
        guard let parties = table.text("parties").flatMap(Parties.init(rawValue:)) else {
            throw ConsentFactsError(line: table.line, rule: "parties = one, all or contested")
        }
        func notices(_ key: String) throws(ConsentFactsError) -> [Notice] {
            var result: [Notice] = []
            for name in table.list(key) ?? [] {
                guard let notice = Notice(rawValue: name) else {
                    throw ConsentFactsError(line: table.line, rule: "known notices in the row")
                }
                result.append(notice)
            }
            return result
        }
        let any = try notices("notice-any")
        let all = try notices("notice-all")
        let codes = (table.text("code").map { [$0] } ?? []) + (table.list("codes") ?? [])
        guard !codes.isEmpty else { throw ConsentFactsError(line: table.line, rule: "code or codes in the row") }
        var result: [Row] = []
        for code in codes {
            guard let region = Region(code) else { throw ConsentFactsError(line: table.line, rule: "a region's code") }
            result.append(
                Row(
                    code: region, parties: parties, noticeAny: any, noticeAll: all, note: table.text("note"), basis: table.text("basis"),
                    isChecked: table.flag("checked") ?? false))
        }
        return result
    }

    /// The row that answers for `region`: its own, else its union's (EU), else none (treated as strict). A state of the US without a row
    /// does not fall back to the federal row: the federal rule is the floor, not the state's law. A state elsewhere falls back to its
    /// country.
    public func row(for region: Region) -> Row? {
        if let row = rows[region] { return row }
        let country = region.country ?? region
        if country.code != "US", country != region, let row = rows[country] { return row }
        return UnionMembers.isEU(country) ? Region("EU").flatMap { rows[$0] } : nil
    }
}

/// Members of unions that have a row of their own.
enum UnionMembers {
    /// The European Union's 27 members, and the union itself.
    private static let eu: Set<String> = [
        "EU", "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT", "NL",
        "PL", "PT", "RO", "SK", "SI", "ES", "SE",
    ]

    static func isEU(_ country: Region) -> Bool { eu.contains(country.code) }
}
