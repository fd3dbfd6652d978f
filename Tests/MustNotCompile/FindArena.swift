// expected: 'of' is inaccessible due to 'package' protection level
import SottoBase

func arena(_ clear: Clear<SpokenWords>) -> ClearArena { ClearArena.of(clear) }
