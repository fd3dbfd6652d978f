// expected: 'run' is inaccessible due to 'private' protection level
import SottoBase

func show(_ secret: SecretBytes) { print(secret.run) }
