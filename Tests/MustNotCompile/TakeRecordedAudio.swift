// expected: 'take' is inaccessible due to 'package' protection level
import SottoBase

func steal(_ ring: RecordingRing) -> [UInt8]? { ring.take(.caller) { Array($1) } }
