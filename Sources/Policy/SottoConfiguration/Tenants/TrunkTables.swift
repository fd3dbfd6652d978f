/// The reference of `[[trunk]]`.
enum TrunkTables {
    static let trunk = ConfigurationTable(
        "[[trunk]]", "A carrier's or PBX's door. A peer that is no trunk is disconnected without a byte.",
        [
            .required("name", "name", "a-z, 0-9, hyphen; once in the tenant."),
            .optional(
                "peers", "list of addresses",
                "Addresses and CIDR ranges that the peer may come from. `peers` or `certificate-identity` is needed."),
            .optional(
                "certificate-identity", "string or list",
                "Names of which the peer's verified certificate must carry one (RFC 5922): a host name or SIP domain, compared whole."),
            .optional(
                "identify", "both or either", "both",
                "When both are named: both must hold, or either is enough."),
            .optional("numbers", "plus, bare or double-zero", "plus", "How the trunk spells international numbers: +49…, 49… or 0049…."),
            .optional(
                "trusted", "true or false", "false",
                "P-Asserted-Identity from this trunk is believed, and told to it; to any other trunk it is never told (RFC 3325)."),
            .optional(
                "refer", "refuse or obey", "refuse",
                "What is done with a REFER from this trunk. obey: the call is moved to a number by the tenant's routes, or by Replaces."),
        ], tables: ["media", "limits", "session-timer", "outbound"],
        later: ["server": "write outbound = { servers = […] }"])

    static let media = ConfigurationTable(
        "trunk.media = { … }", "What media the trunk may negotiate, and how it is treated.",
        [
            .optional(
                "suites", "list of suites", "AEAD_AES_256_GCM, AEAD_AES_128_GCM, AES_256_CM_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_80",
                "SRTP suites in order of preference; AES_CM_128_HMAC_SHA1_32 only if it is named here."),
            .optional(
                "keying", "sdes, dtls or any", "sdes",
                "How keys are agreed: in SDP (RFC 4568), by DTLS on the media path (RFC 5763), or as the peer offers; our own offers "
                    + "are SDES then."
            ),
            .optional("codecs", "list of codecs", "opus, G722, PCMU, PCMA", "Codecs in order of preference."),
            .optional("guard-ms", "number", "Length of the DTMF guard's delay line, 40 to 120; by default the machine's."),
            .optional(
                "ptime", "number", "20", "Milliseconds in a packet that we ask for: 10, 20, 30, 40, 50 or 60. The peer's wish is "
                    + "followed."),
            .optional(
                "rekey-roc", "auto, keep or reset", "auto",
                "Whether the trunk keeps or resets the SRTP rollover counter when a re-INVITE brings a new key; auto finds out."),
            .optional("hold-music", "melody, noise or silence", "melody", "What the trunk's side hears while it waits."),
            .optional(
                "early-media", "pass or ring", "pass",
                "For calls that are bridged to this trunk: what it says before the answer is passed to the caller, or a "
                    + "ring-back is made."),
            .optional("comfort-noise", "true or false", "false", "Comfort noise (RFC 3389) instead of packets in our pauses."),
        ])

    static let limits = ConfigurationTable(
        "trunk.limits = { … }", "What the trunk may use, both directions together. Beyond it, new calls get 503 with Retry-After.",
        [
            .optional("calls", "number", "100", "Calls at the same time, 1 to 100000."),
            .optional("calls-per-second", "number", "10", "New calls per second, 0.1 to 10000."),
            .optional("burst", "number", "New calls that may come at once; by default twice a second's worth."),
        ])

    static let sessionTimer = ConfigurationTable(
        "[trunk.session-timer]", "Session timers (RFC 4028): how a call is noticed whose other end has vanished.",
        [
            .optional("min-se", "duration", "90s", "The shortest interval that is accepted, 90s to 1d."),
            .optional("expires", "duration", "30m", "The interval that is asked for, `min-se` to 1d."),
            .optional("refresher", "any, sotto or peer", "any", "Who refreshes."),
            .optional("offer", "true or false", "true", "Whether calls of ours ask for a timer."),
        ])

    static let outbound = ConfigurationTable(
        "[trunk.outbound]", "How calls get out by this trunk. Without it the trunk only brings calls.",
        [
            .required(
                "servers", "server or list",
                "In order of preference: SIP domains or hosts (found by RFC 3263: NAPTR, SRV, A, AAAA), or addresses; `:PORT` fixes "
                    + "the port."
            ),
            .optional(
                "tls-name", "name",
                "The name that a server's certificate must carry; by default the server's own as it is written in `servers`. Needed for "
                    + "addresses."
            ),
            .optional(
                "allow-wildcard", "true or false", "false", "Certificates for `*.name` are accepted, which RFC 5922 forbids."),
            .optional(
                "server-ca", "file reference",
                "PEM file of the authorities that its servers are checked against, or of their own self-signed certificates; by default "
                    + "that of [sip.outbound]."),
            .optional(
                "pinned-keys", "list of `sha256/…`",
                "SHA-256 of public keys (SubjectPublicKeyInfo, base64) of which a server must have one, beside a valid chain."),
            .optional(
                "certificate", "file reference", "PEM chain that is shown to the servers; by default that of [sip.outbound]."),
            .optional("key", "secret reference", "Its private key: `file:PATH` (mode 0600 or 0400) or `credential:NAME`."),
            .optional(
                "domain", "name", "Host part of the called URI, of To and of the address of record; by default the first server."),
            .optional("from-domain", "name", "Host part of From and P-Asserted-Identity; by default what the listener advertises."),
            .optional("listener", "name", "The [[sip.listener]] whose address is in Via and Contact; by default the machine's first."),
            .optional("scheme", "sip or sips", "sip", "`sip:…;transport=tls`, which most carriers speak, or `sips:`."),
            .optional("ring-time", "duration", "60s", "How long a call may ring until the next server or trunk is tried, 5s to 5m."),
            .optional("caller-id", "pass, anonymous or a number", "pass", "Which number our calls show."),
            .optional(
                "probe", "duration or never", "60s", "How often each server is asked by OPTIONS whether it is well, 5s to 1h."),
            .optional("failures", "number", "3", "So many failures in a row (503, timeout, no connection) put a server aside, 1 to 100."),
            .optional("retry-after", "duration", "30s", "For so long; then one call or probe tries it again, 1s to 1h."),
            .optional(
                "redirects", "refuse or follow", "refuse",
                "What a 3xx does. follow: contacts within the trunk's own domains (`servers`, `domain`, names below them) are tried."),
            .optional(
                "transfer", "dial or refer", "dial",
                "How the agent hands a caller over by this trunk: a second leg is called and bridged, or the caller's side is asked "
                    + "by REFER."
            ),
        ], tables: ["credentials", "register"],
        later: ["password": "write credentials = { user = …, password = \"credential:NAME\" }", "proxy": "write it into servers"])

    static let credentials = ConfigurationTable(
        "trunk.outbound.credentials = { … }", "Name and password for a trunk that asks for digest (SHA-256 first: RFC 8760).",
        [
            .required("user", "text", "The user name."),
            .required(
                "password", "secret reference", "`credential:NAME` or `file:PATH` (mode 0600 or 0400): the file holds the password alone."),
            .optional("realm", "text", "The only realm that is answered; by default any of the trunk's servers'."),
            .optional("allow-md5", "true or false", "false", "MD5 is answered where the trunk offers nothing better."),
        ])

    static let register = ConfigurationTable(
        "trunk.outbound.register = { … }", "Registration mode: Sotto registers with the trunk and is called by that registration.",
        [
            .required("user", "number or name", "User part of the address of record; its host part is `domain`."),
            .optional("contact-user", "number or name", "User part of the contact, which the trunk calls; by default `user`."),
            .optional("expires", "duration", "10m", "What is asked for, 60s to 1d; what the trunk answers counts."),
        ])
}
