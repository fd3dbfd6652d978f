// expected: 'grant' is borrowed and cannot be consumed
import SottoBase

struct Hoard: ~Copyable { var grant: BoundaryGrant }

func hoard(_ grant: borrowing BoundaryGrant) -> Hoard { Hoard(grant: grant) }
