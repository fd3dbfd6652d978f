// expected: argument type 'BoundaryGrant' does not conform to expected type 'Copyable'
import SottoBase

func show(_ grant: borrowing BoundaryGrant) { print(grant) }
