import AdministrationAPI
import ArgumentParser
import SottoConfiguration

struct ConfigurationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Read about the configuration.", subcommands: [Reference.self])

    struct Reference: SottoCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print every table and key that the configuration may hold.",
            discussion: "It is the list that the loader accepts. `sotto config reference trunk` prints the tables of that name alone.")

        @Argument(help: ArgumentHelp("Only tables whose name holds this word.", valueName: "word")) var word = ""
        @Flag(name: .long, help: "Print Markdown.") var markdown = false
        @OptionGroup var output: OutputOptions

        private struct File: Encodable {
            struct Table: Encodable {
                struct Field: Encodable {
                    var key: String
                    var type: String
                    var standard: String?
                    var isRequired: Bool
                    var text: String
                }
                var header: String
                var text: String
                var fields: [Field]
            }
            var file: String
            var tables: [Table]

            init(_ file: String, _ tables: [ConfigurationTable], _ word: String) {
                self.file = file
                self.tables = tables.filter { word.isEmpty || $0.header.contains(word) }.map { table in
                    Table(
                        header: table.header, text: table.text,
                        fields: table.fields.map { field in
                            Table.Field(
                                key: field.key, type: field.type, standard: field.standard, isRequired: field.isRequired, text: field.text)
                        })
                }
            }
        }

        func validate() throws {
            if markdown, output.json || !word.isEmpty { throw ValidationError("--markdown prints the whole reference; give it alone.") }
        }

        func perform() throws(Failure) {
            let files = [
                File("sotto.toml", ConfigurationReference.machine, word), File("tenants/NAME.toml", ConfigurationReference.tenant, word),
            ]
            guard files.contains(where: { !$0.tables.isEmpty }) else {
                throw Failure(.no, "no table has this name", hint: "sotto config reference prints all of them")
            }
            if output.json {
                Terminal.print(json: files)
            } else {
                Terminal.print(markdown ? ConfigurationReference.markdown : ConfigurationReference.plainText(matching: word))
            }
        }
    }
}
