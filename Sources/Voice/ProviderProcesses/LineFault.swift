/// Why a line that a program wrote is no answer. It says which rule was broken, never what stood there.
public enum LineFault: Error, Equatable, Sendable, CustomStringConvertible {
    case json(JSONReader.Fault)
    case missingMember
    case strayMember
    /// A rule of the line's own kind, in our words: "too many words".
    case rule(String)

    public var description: String {
        switch self {
        case .json(let fault): fault.description
        case .missingMember: "missing member"
        case .strayMember: "member of another type"
        case .rule(let rule): rule
        }
    }
}

extension JSONReader {
    /// Reads a line that is one object, a member at a time.
    ///
    /// - Parameter member: takes the member's value from the reader. It may throw `JSONReader.Fault` and `LineFault`.
    public static func object<Field: CaseIterable & RawRepresentable>(
        in line: UnsafeMutableRawBufferPointer, _: Field.Type, _ member: (Field, inout JSONReader) throws -> Void
    ) throws(LineFault) where Field.RawValue == String {
        do {
            var reader = JSONReader(line)
            try reader.beginObject()
            while let field = try reader.nextField(of: Field.self) { try member(field, &reader) }
            try reader.finish()
        } catch let fault as JSONReader.Fault {
            throw .json(fault)
        } catch let fault as LineFault {
            throw fault
        } catch {
            throw .missingMember
        }
    }
}
