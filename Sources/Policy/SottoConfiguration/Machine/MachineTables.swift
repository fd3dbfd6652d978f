/// The reference of `sotto.toml`.
enum MachineTables {
    static var all: [ConfigurationTable] {
        [
            root, machine, sip, listener, outbound, dns, media, storage, keys, admin, role, log, speech, provider, limits,
            FraudTables.fraud, FraudTables.rule, FraudTables.when,
        ]
    }

    static let root = ConfigurationTable(
        "(top of sotto.toml)", "The tables of the machine's file.", [],
        tables: ["machine", "sip", "dns", "media", "storage", "keys", "admin", "log", "speech", "limits", "fraud"],
        later: [
            "trunk": "trunks are a tenant's: write them into tenants/NAME.toml",
            "tenant": "tenants have files of their own: tenants/NAME.toml",
        ])

    static let machine = ConfigurationTable(
        "[machine]", "What this machine is.",
        [
            .optional("name", "string", "sotto", "Name in logs, in the audit log and in the `Server` header; a-z, 0-9, hyphen."),
            .required("region", "region", "Where the machine stands: `DE`, `US-CA`. It counts for consent like a party's region."),
        ])

    static let sip = ConfigurationTable("[sip]", "Signaling. SIP is spoken over TLS only.", [], tables: ["listener", "outbound"])

    static let listener = ConfigurationTable(
        "[[sip.listener]]", "A TLS port for SIP. At least one.",
        [
            .required("name", "name", "Its name in logs and gauges: a-z, 0-9, hyphen."),
            .optional("bind", "address", "0.0.0.0", "The address that is listened on; no name."),
            .optional("port", "port", "5061", "The TCP port, 1 to 65535; 0 takes any free one (for tests)."),
            .optional(
                "advertise", "address or host name",
                "What peers see in Via and Contact. Required when `bind` is 0.0.0.0 or ::; else `bind` counts."),
            .optional("advertise-port", "port", "The port that peers see when a gateway translates it; else `port`."),
            .required(
                "certificate", "file reference", "PEM chain, the server's certificate first: a path, `file:PATH` or `credential:NAME`."),
            .required("key", "secret reference", "PEM private key: `file:PATH` (mode 0600 or 0400) or `credential:NAME`."),
            .optional("client-ca", "file reference", "PEM bundle of the authorities that client certificates are checked against."),
            .optional(
                "client-ca-crl", "file reference",
                "PEM bundle of revocation lists of those authorities. A reload reads it anew, and closes connections of peers that "
                    + "it revokes."
            ),
            .optional(
                "client-certificates", "none, optional or required", "none",
                "Whether peers are asked for a certificate. Trunks with `certificate-identity` need optional or required, and "
                    + "`client-ca`."),
            .optional(
                "ocsp-staple", "file reference",
                "DER file with the authority's OCSP answer for `certificate`, sent to peers that ask for it. Whoever renews it "
                    + "reloads Sotto."
            ),
            .optional("minimum-tls", "1.2 or 1.3", "1.2", "The oldest TLS version that is spoken."),
            .optional(
                "session-tickets", "true or false", "true",
                "Returning peers may resume, which saves both sides a full handshake; they are identified anew all the same."),
            .optional("dscp", "number", "24", "DSCP of the packets, 0 to 63: 24 is CS3."),
        ])

    static let outbound = ConfigurationTable(
        "[sip.outbound]", "What all connections to trunks' servers share. Each trunk may have a certificate of its own.",
        [
            .optional(
                "certificate", "file reference", "PEM chain that is shown to a server that asks for a certificate; by default none."),
            .optional("key", "secret reference", "Its private key: `file:PATH` (mode 0600 or 0400) or `credential:NAME`."),
            .optional(
                "server-ca", "file reference",
                "PEM bundle of the authorities that servers are checked against; by default the system's."),
            .optional("server-ca-crl", "file reference", "PEM bundle of revocation lists of those authorities."),
        ])

    static let dns = ConfigurationTable(
        "[dns]", "Who is asked for the servers of trunks (NAPTR, SRV, A and AAAA records: RFC 3263).",
        [
            .optional(
                "servers", "list of addresses", "In order of preference, with a port if it is not 53; by default the system's servers."),
            .optional("timeout", "duration", "2s", "How long an answer is waited for, 100ms to 10s."),
            .optional("attempts", "number", "2", "How often each server is asked, 1 to 5."),
            .optional("longest-cache", "duration", "1h", "The longest that an answer is kept, whatever its TTL says, 1s to 1d."),
        ])

    static let media = ConfigurationTable(
        "[media]", "Where SRTP is sent and received. There is no unencrypted media.",
        [
            .optional(
                "bind", "address or list", "0.0.0.0", "The address of the sockets; for both families a list: `[\"0.0.0.0\", \"::\"]`."),
            .optional(
                "advertise", "address or list",
                "What SDP says: one address for each family of `bind`. Required where `bind` is 0.0.0.0 or ::; else `bind` counts."),
            .optional(
                "port-range", "FIRST-LAST", "20000-29999",
                "UDP ports, an even one and its odd neighbour per call; at least two pairs, all above 1023."),
            .optional("threads", "number", "Media threads, 1 to 256; by default one for each core."),
            .optional(
                "guard-ms", "number", "60", "Length of the DTMF guard's delay line in milliseconds, 40 to 120. A trunk may set its own."),
            .optional("media-timeout", "duration", "30s", "A call without an authentic packet for so long is ended; 5s to 10m."),
            .optional("dscp", "number", "46", "DSCP of the packets, 0 to 63: 46 is EF."),
            .optional(
                "dtls", "true or false", "true",
                "Whether keys may be agreed by DTLS, where a trunk's `keying` says so. The certificate for it is made at start."),
        ], later: ["stun": "ICE is not part of this version"])

    static let storage = ConfigurationTable(
        "[storage]", "Where sealed objects and logs lie. Paths are absolute or below the folder of sotto.toml.",
        [
            .optional("records", "path", "/var/lib/sotto/records", "Folder of the sealed recordings, transcripts and call records."),
            .optional("audit", "path", "/var/lib/sotto/audit", "Folder of the audit log."),
            .optional("index", "path", "/var/lib/sotto/index.sqlite", "The index of the records."),
            .optional(
                "on-full", "continue or refuse-calls", "continue",
                "While the disk of `records` or of `audit` has less than 64 MiB left: go on with calls, unrecorded when nothing fits "
                    + "any more, "
                    + "or refuse new calls with 503. Privileged acts that cannot be logged are refused in both cases."),
        ])

    static let keys = ConfigurationTable(
        "[keys]", "The key service, from which every other key is derived.",
        [
            .optional("provider", "local", "local", "Which key service. Only `local` is part of this version."),
            .required("root-key", "secret reference", "The root key: `credential:NAME` or `file:PATH` (mode 0600 or 0400)."),
        ])

    static let admin = ConfigurationTable(
        "[admin]", "The administration socket. Peers are known by their kernel credentials; who has no role may do nothing, root neither.",
        [
            .optional("socket", "path", "/run/sotto/admin.sock", "Path of the unix socket.")
        ], tables: ["role"])

    static let role = ConfigurationTable(
        "[[admin.role]]", "Who may do what.",
        [
            .required(
                "name", "viewer, operator, records or auditor",
                "viewer: status, calls, events. operator: reload, drain, end a call. records: list, show, export. auditor: the audit log."
            ),
            .optional("users", "list of numbers", "User ids."),
            .optional("groups", "list of numbers", "Group ids."),
        ])

    static let log = ConfigurationTable(
        "[log]", "The log. It holds no caller's word or number at any level.",
        [
            .optional("level", "error, warning, notice, info, debug or trace", "info", "The least important message that is written."),
            .optional("format", "text, journal or json", "journal", "journal writes fields when the daemon runs under systemd, else text."),
        ])

    static let speech = ConfigurationTable(
        "[speech]", "The embedded recognizer and voice, and providers besides.",
        [
            .optional(
                "threads", "number", "1",
                "Threads of the embedded recognizers, 1 to 64. Each listens to 4 callers; a call beyond goes on unheard."),
            .optional("model", "path", "PocketSphinx's acoustic model; by default Debian's."),
            .optional("voice", "slt, kal, kal16, awb or rms", "slt", "flite's voice."),
        ], tables: ["provider"])

    static let provider = ConfigurationTable(
        "[[speech.provider]]",
        "A recognizer or model that runs as a process of its own. `pocketsphinx`, `flite` and `script` are there without a line.",
        [
            .required("name", "name", "What tenants call it: a-z, 0-9, hyphen."),
            .required("service", "recognizer or model", "What it does."),
            .required(
                "boundary", "on-premises or external",
                "Who hears what it is given. A tenant allows boundaries in its own [speech] table."),
            .required("command", "list of strings", "The program by its absolute path, and its arguments; no shell."),
        ], later: ["url": "network providers are not part of this version: use `command`"])

    static let limits = ConfigurationTable(
        "[limits]", "Bounds of the whole machine. Each trunk has limits of its own besides.",
        [
            .optional("calls", "number", "1000", "Calls at the same time, 1 to 100000."),
            .optional("calls-per-second", "number", "100", "New calls per second, 0.1 to 10000."),
            .optional("connections", "number", "10000", "TLS connections at the same time."),
            .optional("connections-per-source", "number", "64", "TLS connections from one address (IPv6: one /64) at the same time."),
            .optional("connections-per-second-per-source", "number", "10", "New connections per second from one address."),
            .optional("connection-burst-per-source", "number", "40", "New connections from one address that may come at once."),
            .optional("handshakes", "number", "256", "TLS handshakes that run at the same time."),
            .optional("calls-per-source", "number", "1000", "Calls from one address at the same time."),
            .optional("calls-per-second-per-source", "number", "50", "New calls per second from one address."),
            .optional("call-duration", "duration", "4h", "The longest call; 10s to 7d."),
            .optional("drain", "duration", "60s", "How long a stop waits for running calls; 1s to 1h."),
            .optional("retry-after", "duration", "5s", "What a 503 says in Retry-After; 1s to 10m."),
        ])
}
