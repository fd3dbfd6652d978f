internal import SealedStorage

/// Calls have summaries of their own: this is how both are told apart.
typealias StoredSummary = CallSummary
