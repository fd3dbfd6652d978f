import FuzzKit
import SignalingFuzz

// libFuzzer calls back with one input after another; a trap is a finding. SwiftPM's linker wants the executable's own main, while
// libFuzzer's brings `main` along: both lead to the same callback.

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<Int32>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    for finding in [fuzzSIPStream(bytes), fuzzSIPMessage(bytes), fuzzSDP(bytes), fuzzValue(bytes), fuzzMultipart(bytes)] {
        if let finding { preconditionFailure(finding.property) }
    }
    return 0
}

@_cdecl("fuzz_signaling_main")
public func fuzzMain(_ count: Int32, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    var count = count
    var arguments = arguments
    return runDriver(&count, &arguments) { fuzzOneInput($0, $1) }
}
