// expected: 'open' is inaccessible due to 'package' protection level
import SottoBase

func peek(_ clear: Clear<PlainText>) -> Int? { ClearArena.words.open(clear) { $0.count } }
