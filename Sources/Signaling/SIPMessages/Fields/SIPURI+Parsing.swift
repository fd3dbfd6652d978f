internal import SottoBase

extension SIPURI {
    /// Reads exactly `range`.
    static func parse(_ storage: [UInt8], _ range: Range<Int>) -> SIPURI {
        let bytes = storage.span
        var reading = Reading(origin: range.lowerBound)
        let isWellFormed = range.count <= 8192 && reading.read(bytes, range)
        return SIPURI(
            text: WireText(storage, range), scheme: reading.scheme, isWellFormed: isWellFormed, port: reading.port,
            schemeSlot: reading.schemeSlot, userSlot: reading.user, passwordSlot: reading.password, hostSlot: reading.host,
            parametersSlot: reading.parameters, headersSlot: reading.headers)
    }

    private init(
        text: WireText, scheme: Scheme, isWellFormed: Bool, port: UInt16?, schemeSlot: Slot, userSlot: Slot, passwordSlot: Slot,
        hostSlot: Slot, parametersSlot: Slot, headersSlot: Slot
    ) {
        self.text = text
        self.scheme = scheme
        self.isWellFormed = isWellFormed
        self.port = port
        self.schemeSlot = schemeSlot
        self.userSlot = userSlot
        self.passwordSlot = passwordSlot
        self.hostSlot = hostSlot
        self.parametersSlot = parametersSlot
        self.headersSlot = headersSlot
    }

    private struct Reading {
        let origin: Int
        var scheme: Scheme = .other
        var schemeSlot: Slot = .none
        var user: Slot = .none
        var password: Slot = .none
        var host: Slot = .none
        var port: UInt16?
        var parameters: Slot = .none
        var headers: Slot = .none

        init(origin: Int) { self.origin = origin }

        mutating func read(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
            var index = range.lowerBound
            let end = range.upperBound
            guard readScheme(bytes, &index, end) else { return false }
            switch scheme {
            case .sip, .sips: return readSIP(bytes, index, end)
            case .tel: return readTel(bytes, index, end)
            case .other:
                guard index < end else { return false }
                return Scan.escapedRun(.uric, bytes, &index, end) && index == end
            }
        }

        private mutating func readScheme(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
            let start = index
            while index < end, bytes[index] != 0x3A {
                let byte = bytes[index]
                let isLetter = (byte | 0x20) &- 0x61 < 26
                let isLaterByte = byte &- 0x30 < 10 || byte == 0x2B || byte == 0x2D || byte == 0x2E
                guard isLetter || (index > start && isLaterByte) else { return false }
                index += 1
            }
            guard index < end, index > start else { return false }
            schemeSlot = Slot(start..<index, from: origin)
            func letter(_ offset: Int) -> UInt8 { bytes[start + offset] | 0x20 }
            if index - start == 3, letter(0) == 0x73, letter(1) == 0x69, letter(2) == 0x70 {
                scheme = .sip
            } else if index - start == 4, letter(0) == 0x73, letter(1) == 0x69, letter(2) == 0x70, letter(3) == 0x73 {
                scheme = .sips
            } else if index - start == 3, letter(0) == 0x74, letter(1) == 0x65, letter(2) == 0x6C {
                scheme = .tel
            }
            index += 1
            return true
        }

        private mutating func readSIP(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
            var index = start
            let at = bytes.firstIndex(of: 0x40, or: 0x40, from: start, to: end)  // it occurs nowhere but after the userinfo
            if at < end {
                guard Scan.escapedRun(.user, bytes, &index, at), index > start else { return false }
                user = Slot(start..<index, from: origin)
                if index < at {
                    guard bytes[index] == 0x3A else { return false }
                    index += 1
                    let passwordStart = index
                    guard Scan.escapedRun(.password, bytes, &index, at), index == at else { return false }
                    password = Slot(passwordStart..<index, from: origin)
                }
                index = at + 1
            }
            let hostStart = index
            guard Scan.host(bytes, &index, end) else { return false }
            host = Slot(hostStart..<index, from: origin)
            guard Scan.port(bytes, &index, end, into: &port), readParameters(bytes, &index, end) else { return false }
            if index < end, bytes[index] == 0x3F {
                index += 1
                let headersStart = index
                guard Scan.escapedRun(.uriHeader, bytes, &index, end), index > headersStart else { return false }
                headers = Slot(headersStart..<index, from: origin)
            }
            return index == end
        }

        /// `*( ";" pname [ "=" pvalue ] )`
        private mutating func readParameters(_ bytes: Span<UInt8>, _ index: inout Int, _ end: Int) -> Bool {
            let start = index
            while index < end, bytes[index] == 0x3B {
                index += 1
                let nameStart = index
                guard Scan.escapedRun(.uriParameter, bytes, &index, end), index > nameStart else { return false }
                if index < end, bytes[index] == 0x3D {
                    index += 1
                    let valueStart = index
                    guard Scan.escapedRun(.uriParameter, bytes, &index, end), index > valueStart else { return false }
                }
            }
            if index > start { parameters = Slot(start..<index, from: origin) }
            return true
        }

        /// RFC 3966 §3: digits and visual separators with an optional `+`, then parameters.
        private mutating func readTel(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool {
            var index = start
            if index < end, bytes[index] == 0x2B { index += 1 }
            var digits = 0
            while index < end, bytes[index] != 0x3B {
                switch bytes[index] {
                case 0x30...0x39, 0x41...0x46, 0x61...0x66, 0x2A, 0x23: digits += 1
                case 0x2D, 0x2E, 0x28, 0x29: break
                default: return false
                }
                index += 1
            }
            guard digits > 0 else { return false }
            user = Slot(start..<index, from: origin)
            return readParameters(bytes, &index, end) && index == end
        }
    }
}
