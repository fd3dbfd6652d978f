import Foundation
import SottoBase
import SottoTLS
import SottoTestPeer

/// kamailio as a TLS endpoint that answers OPTIONS, with one worker.
final class KamailioProcess: MeasuredProcess {
    let port: UInt16

    init(core: Int?, certificate: TLSCredentials) async throws {
        port = try freePort()
        try super.init(core: core)
        try put("server.pem", certificate.certificateChain)
        try put("server.key", certificate.privateKey.withBytes { Array($0) })
        try put("tls.cfg", Array(tls.utf8))
        try put("kamailio.cfg", Array(configuration.utf8))
        try launch(["kamailio", "-f", folder + "/kamailio.cfg", "-DD", "-E", "-w", folder, "-m", "256", "-M", "32", "-Y", folder])
        try await wait("kamailio's listener", within: .seconds(15)) {
            guard isRunning else { throw PeerFault(description: "kamailio ended: \(log)") }
            return isListening(port) ? () : nil
        }
    }

    private var configuration: String {
        """
        #!KAMAILIO
        debug=1
        log_stderror=yes
        fork=yes
        children=1
        tcp_children=1
        enable_tls=yes
        auto_aliases=no
        dns=no
        rev_dns=no
        listen=tls:127.0.0.1:\(port)
        tcp_connection_lifetime=600
        tcp_max_connections=20000
        tls_max_connections=20000
        mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
        loadmodule "tls.so"
        loadmodule "sl.so"
        loadmodule "pv.so"
        loadmodule "maxfwd.so"
        loadmodule "textops.so"
        loadmodule "siputils.so"
        modparam("tls", "config", "\(folder)/tls.cfg")

        request_route {
            if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
            if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
            sl_send_reply("404", "Not here");
        }

        """
    }

    private var tls: String {
        """
        [server:default]
        method = TLSv1.2+
        verify_certificate = no
        require_certificate = no
        private_key = \(folder)/server.key
        certificate = \(folder)/server.pem

        [client:default]
        method = TLSv1.2+
        verify_certificate = no
        require_certificate = no

        """
    }
}

/// `openssl s_server`: OpenSSL, a socket and next to nothing else.
final class OpenSSLServer: MeasuredProcess {
    let port: UInt16

    init(core: Int?, certificate: TLSCredentials) async throws {
        port = try freePort()
        try super.init(core: core)
        try put("server.pem", certificate.certificateChain)
        try put("server.key", certificate.privateKey.withBytes { Array($0) })
        try launch([
            "openssl", "s_server", "-accept", "127.0.0.1:\(port)", "-cert", folder + "/server.pem", "-key", folder + "/server.key",
            "-tls1_3",
            "-quiet", "-rev",
        ])
        try await wait("s_server's listener", within: .seconds(15)) {
            guard isRunning else { throw PeerFault(description: "s_server ended: \(log)") }
            return isListening(port) ? () : nil
        }
    }
}
