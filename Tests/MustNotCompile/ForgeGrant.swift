// expected: 'BoundaryGrant' initializer is inaccessible due to 'package' protection level
import SottoBase

func grant() -> BoundaryGrant { BoundaryGrant(recipient: "me", rule: "mine") }
