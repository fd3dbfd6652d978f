"""baresip without a head: calls and is called, with whatever keying, suites and codecs it has."""

import json
import socket
import subprocess
import threading
import time

from certificates import make_certificate
from house import free_tcp_port, free_udp_range

CONFIG = """\
poll_method             epoll
sip_listen              127.0.0.1:{sip_port}
sip_certificate         {certificate}
net_interface           127.0.0.1
audio_source            aufile,{source}
snd_path                {folder}
audio_alert             aufile,{alert}
ausrc_srate             {rate}
auplay_srate            {rate}
ausrc_channels          1
auplay_channels         1
audio_level             no
rtcp_mux                {mux}
rtp_ports               {rtp_first}-{rtp_last}
jitter_buffer_type      fixed
jitter_buffer_delay     1-5
ctrl_tcp_listen         127.0.0.1:{control}
opus_bitrate            32000
opus_stereo             no
opus_sprop_stereo       no
module_path             /usr/lib/baresip/modules
module                  opus.so
module                  g711.so
module                  g722.so
module                  aufile.so
module                  sndfile.so
module                  srtp.so
module                  dtls_srtp.so
module                  ctrl_tcp.so
module                  menu.so
module                  account.so
"""


class Baresip:
    RTP_PORTS = 20

    def __init__(self, folder, source, account, keying="srtp-mand", codecs="opus/48000/1", mux=False, answers=False, rate=16_000,
                 authority=None):
        """`account`: the SIP URI of our own side without parameters. `answers`: takes every call at once."""
        self.folder = folder
        folder.mkdir(parents=True)
        self.log = folder / "baresip.log"
        self.control_port = free_tcp_port()
        # baresip's TLS listener is one above its port.
        while True:
            self.sip_port = free_tcp_port()
            try:
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", self.sip_port + 1))
                break
            except OSError:
                continue
        certificate = ""
        if authority is not None:
            make_certificate(folder, "phone", "localhost", "IP:127.0.0.1,DNS:localhost", authority=authority)
            certificate = folder / "both.pem"
            certificate.write_bytes((folder / "phone.pem").read_bytes() + (folder / "phone.key").read_bytes())
        first = free_udp_range(self.RTP_PORTS)
        config = CONFIG.format(
            sip_port=self.sip_port, certificate=certificate, source=source, folder=folder, alert=folder / "alert.wav", rate=rate,
            mux="yes" if mux else "no", rtp_first=first, rtp_last=first + self.RTP_PORTS - 1, control=self.control_port)
        if authority is None:
            config = "\n".join(line for line in config.split("\n") if not line.startswith("sip_certificate"))
        (folder / "config").write_text(config)
        (folder / "accounts").write_text(
            f"<{account};transport=tls>;regint=0;mediaenc={keying};audio_codecs={codecs}"
            + (";answermode=auto" if answers else "") + "\n")
        (folder / "contacts").write_text("")
        self.events = []
        self._changed = threading.Condition()
        self._control = None
        self.process = None

    @property
    def heard(self):
        """What came from the other side, decoded; written by the time the call is over."""
        return next(iter(sorted(self.folder.glob("dump-*-dec.wav"))), self.folder / "nothing.wav")

    @property
    def tls_port(self):
        return self.sip_port + 1

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["baresip", "-f", str(self.folder), "-s", "-v"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while self._control is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"baresip did not start: {self.log}")
            try:
                self._control = socket.create_connection(("127.0.0.1", self.control_port), timeout=5)
            except OSError:
                time.sleep(0.05)
        self._control.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def stop(self):
        if self.process is None:
            return
        try:
            self.command("quit")
            self.process.wait(3)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        if self._control is not None:
            self._control.close()

    def command(self, name, parameters=""):
        body = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self._control.sendall(b"%d:%s," % (len(body), body))

    def dial(self, uri):
        self.command("dial", uri)

    def press(self, keys, interval=0.25):
        for key in keys:
            self.command("sndcode", key)
            time.sleep(interval)

    def wait_for(self, kind, seconds=20):
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for index, event in enumerate(self.events):
                    if event.get("type") == kind:
                        del self.events[:index + 1]
                        return event
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"baresip: no {kind} within {seconds} s: {self.log}")
                self._changed.wait(left)

    def _read(self):
        buffer = b""
        while True:
            try:
                received = self._control.recv(65_536)
            except OSError:
                return
            if not received:
                return
            buffer += received
            while b":" in buffer:
                length, _, rest = buffer.partition(b":")
                if not length.isdigit() or len(rest) < int(length) + 1:
                    break
                message, buffer = rest[:int(length)], rest[int(length) + 1:]
                try:
                    event = json.loads(message)
                except ValueError:
                    continue
                if event.get("event"):
                    with self._changed:
                        self.events.append(event)
                        self._changed.notify_all()
