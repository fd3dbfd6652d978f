// expected: cannot find 'SpokenWordsReader' in scope
import SottoBase

func read(_ bytes: UnsafeRawBufferPointer) -> Any { SpokenWordsReader(bytes) }
