"""kamailio: a TLS proxy with Record-Route in front of the gateway, and a registrar that asks for digest."""

import subprocess
import time

from certificates import make_certificate
from house import free_tcp_port

CONFIG = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=2
disable_tcp=no
enable_tls=yes
auto_aliases=no
dns=no
rev_dns=no
listen=tls:127.0.0.1:{port}
tcp_connection_lifetime=600
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tls.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("tls", "config", "{folder}/tls.cfg")
modparam("rr", "enable_full_lr", 1)
modparam("auth", "algorithm", "{algorithm}")
modparam("usrloc", "db_mode", 0)

request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
        sl_send_reply("404", "Not here");
        exit;
    }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) {{ t_relay(); }} exit; }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
        xlog("L_NOTICE", "REGISTERED $tU\\n");
        save("location");
        exit;
    }}
    if (is_method("INVITE|SUBSCRIBE")) {{ record_route(); }}
    if ($rU == "registered") {{
        if (!lookup("location")) {{ sl_send_reply("404", "Not registered"); exit; }}
    }} else {{
        $du = "sip:127.0.0.1:{target};transport=tls";
    }}
    t_relay();
}}
"""

TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = {folder}/proxy.key
certificate = {folder}/proxy.pem
ca_list = {authority}/ca.pem

[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = {folder}/proxy.key
certificate = {folder}/proxy.pem
ca_list = {authority}/ca.pem
"""


class Kamailio:
    def __init__(self, folder, authority, target, realm="registrar.example", password="unused", algorithm="SHA-256"):
        """`target`: the port that new calls go to."""
        self.folder = folder
        folder.mkdir(parents=True)
        self.port = free_tcp_port()
        self.log = folder / "kamailio.log"
        make_certificate(
            folder, "proxy", "localhost", "IP:127.0.0.1,DNS:localhost", usage="serverAuth,clientAuth", authority=authority)
        (folder / "kamailio.cfg").write_text(CONFIG.format(
            port=self.port, folder=folder, target=target, realm=realm, password=password, algorithm=algorithm))
        (folder / "tls.cfg").write_text(TLS.format(folder=folder, authority=authority))
        self.process = None

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["kamailio", "-f", str(self.folder / "kamailio.cfg"), "-DD", "-E", "-w", str(self.folder), "-m", "16", "-M", "8", "-Y",
                 str(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 15
        while b"children" not in self.log.read_bytes() and time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"kamailio ended: {self.log}")
            time.sleep(0.1)
            if b"tcp_main" in self.log.read_bytes():
                break

    def wait_for(self, words, seconds=20):
        deadline = time.monotonic() + seconds
        while words.encode() not in self.log.read_bytes():
            if time.monotonic() > deadline:
                raise AssertionError(f"kamailio: no '{words}' within {seconds} s: {self.log}")
            time.sleep(0.1)

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
