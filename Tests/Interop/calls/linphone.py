"""linphonec: a stack that verifies the server's certificate."""

import subprocess
import time

from house import free_tcp_port, free_udp_range

CONFIG = """\
[sip]
sip_port=0
sip_tcp_port=0
sip_tls_port={sip_port}
bind_address=127.0.0.1
root_ca={authority}
verify_server_certs=1
verify_server_cn=1
media_encryption={keying}
media_encryption_mandatory=1
srtp_crypto_suites={suites}
contact="caller" <sip:caller@127.0.0.1>
guess_hostname=0
default_proxy=-1

[net]
dns_srv_enabled=0

[rtp]
audio_rtp_port={rtp_first}-{rtp_last}
bind_address=127.0.0.1

[misc]
history_max_size=0

[sound]
playback_dev_id=dummy
ringer_dev_id=dummy
capture_dev_id=dummy
"""


class Linphone:
    def __init__(self, folder, source, authority, keying="srtp", suites="AES_CM_128_HMAC_SHA1_80"):
        self.folder = folder
        (folder / ".local" / "share" / "linphone").mkdir(parents=True)
        self.source, self.heard, self.log = source, folder / "heard.wav", folder / "linphone.log"
        first = free_udp_range(20)
        (folder / "linphonerc").write_text(
            CONFIG.format(sip_port=free_tcp_port(), authority=authority, keying=keying, suites=suites, rtp_first=first, rtp_last=first + 19))
        self.process = None

    def start(self):
        self.output = open(self.folder / "output.txt", "wb")
        self.process = subprocess.Popen(
            ["linphonec", "-c", str(self.folder / "linphonerc"), "-d", "6", "-l", str(self.log)], stdin=subprocess.PIPE,
            stdout=self.output, stderr=self.output, cwd=self.folder, env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"})
        time.sleep(1)
        self.command("soundcard use files")

    def command(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def dial(self, uri):
        self.command(f"call {uri}")
        # It asks at its prompt for a password when a server wishes for a client certificate; whatever is said, it goes on without.
        time.sleep(2)
        self.command("none")

    def stream(self):
        self.command(f"play {self.source}")
        self.command(f"record {self.heard}")

    def hang_up(self):
        self.command("terminate")

    def stop(self):
        if self.process is None:
            return
        try:
            self.command("quit")
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.output.close()
