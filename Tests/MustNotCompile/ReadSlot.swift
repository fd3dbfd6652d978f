// expected: 'slot' is inaccessible due to 'package' protection level
import SottoBase

func place(_ clear: Clear<PlainText>) -> UInt32 { clear.slot }
