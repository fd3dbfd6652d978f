// expected: initializer is inaccessible due to 'package' protection level
import SottoBase

func guess() -> Clear<PlainText> { Clear(arena: 0, slot: 1, generation: 1) }
