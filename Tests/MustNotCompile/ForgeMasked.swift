// expected: 'Masked<Content>' initializer is inaccessible due to 'package' protection level
import SottoBase

func launder(_ text: String) -> Masked<String> { Masked(text) }
