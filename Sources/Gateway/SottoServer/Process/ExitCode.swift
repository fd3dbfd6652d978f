/// Exit codes of `sottod` and `sotto` (sysexits where one fits).
public enum ExitCode: Int32, Sendable {
    case ok = 0
    case no = 1
    case usage = 64
    case data = 65
    case unavailable = 69
    case internalError = 70
    case tryAgain = 75
    case permission = 77
    case configuration = 78
}
