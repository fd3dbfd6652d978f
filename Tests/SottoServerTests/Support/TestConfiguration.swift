/// The configuration that tests start from: one listener, two tenants whose carriers are known by their certificates.
struct TestConfiguration {
    var level = "error"
    var drain = "3s"
    var mediaTimeout = "5s"
    /// Each run takes another range, so that tests of other processes do not meet; the first that is free is used.
    var ports = UInt16.random(in: 10_000...24_000) & ~1
    var limits = ""
    var tenants: [String: String] = ["acme": TenantText("acme").text, "globex": TenantText("globex").text]

    var machine: String {
        """
        [machine]
        name = "test-gateway"
        region = "DE"

        [[sip.listener]]
        name = "main"
        bind = "127.0.0.1"
        port = 0
        certificate = "sbc.pem"
        key = "file:sbc.key"
        client-ca = "carriers.pem"
        client-certificates = "optional"

        [media]
        bind = "127.0.0.1"
        port-range = "\(ports)-\(ports + 1_999)"
        threads = 2
        media-timeout = "\(mediaTimeout)"

        [storage]
        records = "state/records"
        audit = "state/audit"
        index = "state/index.sqlite"

        [keys]
        root-key = "file:root.key"

        [admin]
        socket = "run/admin.sock"

        [[admin.role]]
        name = "viewer"
        users = [1001]

        [[admin.role]]
        name = "operator"
        users = [1002]

        [[admin.role]]
        name = "records"
        users = [1003]

        [[admin.role]]
        name = "auditor"
        users = [1004]

        [log]
        level = "\(level)"
        format = "text"

        [limits]
        drain = "\(drain)"
        \(limits)
        """
    }
}

/// A tenant's file.
struct TenantText {
    var name: String
    var record = "ask"
    var refused = "continue"
    var card = "mask"
    var welcome = "Welcome."
    /// Tables that are put at the end.
    var more = ""

    init(_ name: String) { self.name = name }

    var text: String {
        """
        [tenant]
        name = "\(name)"
        region = "DE"

        [[trunk]]
        name = "carrier"
        certificate-identity = "\(name).carrier.example"
        limits = { calls = 50, calls-per-second = 100, burst = 100 }

        [[route]]
        name = "closed"
        to-number = "+49309*"
        target = "reject:480"

        [[route]]
        name = "reception"
        to-number = "+4930*"
        target = "agent:reception"

        [consent]
        record = "\(record)"
        refused = "\(refused)"
        answer-time = "5s"
        withdrawal-time = "1s"

        [redaction]
        card = "\(card)"

        [[dialogue]]
        name = "reception"
        start = "welcome"
        silence = "20s"

        [[dialogue.state]]
        name = "welcome"
        say = "\(welcome)"
        ask = "How can I help you?"
        listen = [
            { words = ["opening hours"], next = "hours" },
            { words = ["pay"], key = "2", next = "payment" },
            { words = ["goodbye"], next = "goodbye" },
            { hears = ["card", "number"], next = "noted" },
        ]

        [[dialogue.state]]
        name = "hours"
        say = "We are open from nine to five."
        next = "welcome"

        [[dialogue.state]]
        name = "noted"
        say = "Please do not tell me card numbers."
        next = "welcome"

        [[dialogue.state]]
        name = "payment"
        payment = true
        ask = "Please key in your card number and end with the hash key."
        collect = { kind = "card", digits = "12-19", terminator = "#", next = "paid", invalid = "payment" }

        [[dialogue.state]]
        name = "paid"
        say = "Thank you. That was a card number."
        next = "welcome"

        [[dialogue.state]]
        name = "goodbye"
        say = "Goodbye."
        hang-up = true
        \(more)
        """
    }
}
