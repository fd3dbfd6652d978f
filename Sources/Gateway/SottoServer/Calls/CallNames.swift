internal import Calls

/// Storage has summaries of its own: this is how both are told apart.
typealias CallSummaries = [CallSummary]
