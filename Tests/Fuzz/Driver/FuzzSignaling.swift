import SignalingFuzz

// libFuzzer owns the process: it calls back with one input after another, and a trap is a finding.

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>, Int) -> Int32
) -> Int32

@_cdecl("fuzz_signaling_main")
public func fuzzMain(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments) { data, size in
        let bytes = Array(UnsafeBufferPointer(start: data, count: size))
        for finding in [fuzzSIPStream(bytes), fuzzSIPMessage(bytes), fuzzSDP(bytes)] {
            if let finding { preconditionFailure(finding.property) }
        }
        return 0
    }
}
