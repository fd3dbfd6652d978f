internal import SottoBase

extension SessionDescription {
    /// The description in RFC 8866 §5's order of lines; keys are chunks of their own. Void crypto lines are not written.
    public func chunks() -> [SDPChunk] {
        var output = ChunkWriter()
        output.append("v=0\r\no=")
        output.append(origin.username)
        output.append(" \(origin.sessionID) \(origin.version) IN ")
        output.append(origin.addressType)
        output.append(" ")
        output.append(origin.address)
        output.append("\r\ns=")
        output.append(sessionName.isEmpty ? "-" : sessionName)
        output.append("\r\n")
        connection?.write(to: &output)
        output.append("t=0 0\r\n")
        for attribute in attributes { attribute.write(to: &output) }
        for media in media { media.write(to: &output) }
        return output.finish()
    }
}

extension SDPConnection {
    func write(to output: inout ChunkWriter) {
        output.append("c=IN ")
        output.append(addressType)
        output.append(" ")
        output.append(address)
        output.append("\r\n")
    }
}

extension MediaDescription {
    func write(to output: inout ChunkWriter) {
        output.append("m=")
        output.append(kind)
        output.append(portCount > 1 ? " \(port)/\(portCount) " : " \(port) ")
        output.append(transport.text)
        for format in formats {
            output.append(" ")
            output.append(format)
        }
        output.append("\r\n")
        connection?.write(to: &output)
        for crypto in cryptos { crypto.write(to: &output) }
        for attribute in attributes { attribute.write(to: &output) }
    }
}
