import Testing

/// Real daemons, called over TLS and SRTP on loopback. One at a time: gauges are the whole process's.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct EndToEnd {}
