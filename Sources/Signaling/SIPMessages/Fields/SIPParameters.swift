public import SottoBase

/// `;name=value;flag` after a URI, an address or a Via, looked up on demand in their own bytes: no dictionary is ever made.
///
/// Names compare without case (RFC 3261 §7.3.1). The first of equal names counts.
public struct SIPParameters: Hashable, Sendable {
    /// As received, from the first semicolon on; empty when there are none.
    public let text: WireText

    public init(_ text: WireText = "") { self.text = text }

    public var isEmpty: Bool { text.isEmpty }

    /// The value as it is written, quotes included; empty for a parameter without value; nil when there is no such parameter.
    public func value(_ name: StaticString) -> WireText? {
        firstValue { $0.equalsIgnoringCase(name) }
    }

    public func value(named name: WireText) -> WireText? { firstValue { $0.equalsIgnoringCase(name) } }

    public func contains(_ name: StaticString) -> Bool { value(name) != nil }

    /// A value without its quotes and backslashes, as text.
    public func unquotedValue(_ name: StaticString) -> String? { value(name).map { unquoted($0) } }

    /// In order; `value` is nil for a parameter without one.
    public var list: [(name: WireText, value: WireText?)] {
        var cursor = Cursor(text)
        var list: [(name: WireText, value: WireText?)] = []
        while let next = cursor.next() { list.append(next) }
        return list
    }

    /// With `name` set to `value` (nil: a flag), at its place or at the end.
    public func setting(_ name: WireText, to value: WireText?) -> SIPParameters {
        var output: [UInt8] = []
        var found = false
        func write(_ name: WireText, _ value: WireText?) {
            output.append(0x3B)
            output.append(contentsOf: name.bytes)
            guard let value, !value.isEmpty else { return }
            output.append(0x3D)
            output.append(contentsOf: value.bytes)
        }
        for parameter in list {
            if parameter.name.equalsIgnoringCase(name) {
                if !found { write(parameter.name, value) }
                found = true
            } else {
                write(parameter.name, parameter.value)
            }
        }
        if !found { write(name, value) }
        return SIPParameters(WireText(output))
    }

    public func removing(_ name: WireText) -> SIPParameters {
        var output: [UInt8] = []
        for parameter in list where !parameter.name.equalsIgnoringCase(name) {
            output.append(0x3B)
            output.append(contentsOf: parameter.name.bytes)
            if let value = parameter.value {
                output.append(0x3D)
                output.append(contentsOf: value.bytes)
            }
        }
        return SIPParameters(WireText(output))
    }

    private func firstValue(_ matches: (WireText) -> Bool) -> WireText? {
        var cursor = Cursor(text)
        while let parameter = cursor.next() {
            if matches(parameter.name) { return parameter.value ?? "" }
        }
        return nil
    }

    /// Walks the parameters; what is malformed ends the walk, because parsers have refused it before.
    struct Cursor {
        private let text: WireText
        private var index: Int
        private let end: Int

        init(_ text: WireText) {
            self.text = text
            index = text.range.lowerBound
            end = text.range.upperBound
        }

        mutating func next() -> (name: WireText, value: WireText?)? {
            let storage = text.storage
            let bytes = storage.span
            Scan.skipSpace(bytes, &index, end)
            guard index < end, bytes[index] == 0x3B else { return nil }
            index += 1
            Scan.skipSpace(bytes, &index, end)
            let nameStart = index
            while index < end, bytes[index] != 0x3D, bytes[index] != 0x3B, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
            let name = WireText(storage, nameStart..<index)
            guard !name.isEmpty else { return nil }
            Scan.skipSpace(bytes, &index, end)
            guard index < end, bytes[index] == 0x3D else { return (name, nil) }
            index += 1
            Scan.skipSpace(bytes, &index, end)
            let valueStart = index
            if index < end, bytes[index] == 0x22 {
                guard Scan.quoted(bytes, &index, end) else { return nil }
            } else {
                while index < end, bytes[index] != 0x3B, bytes[index] != 0x20, bytes[index] != 0x09 { index += 1 }
            }
            return (name, WireText(storage, valueStart..<index))
        }
    }
}

/// A quoted-string without quotes and backslashes; another text as it is.
func unquoted(_ text: WireText) -> String {
    guard text.count >= 2, text.byte(at: 0) == 0x22, text.byte(at: text.count - 1) == 0x22 else { return text.string }
    var bytes: [UInt8] = []
    var escaped = false
    for byte in text.bytes.dropFirst().dropLast() {
        if byte == 0x5C, !escaped {
            escaped = true
        } else {
            bytes.append(byte)
            escaped = false
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// Text as a quoted-string: quotes and backslashes escaped, control bytes left out.
func quoted(_ text: String) -> [UInt8] {
    var output: [UInt8] = [0x22]
    for byte in text.utf8 where byte >= 0x20 && byte != 0x7F {
        if byte == 0x22 || byte == 0x5C { output.append(0x5C) }
        output.append(byte)
    }
    output.append(0x22)
    return output
}
