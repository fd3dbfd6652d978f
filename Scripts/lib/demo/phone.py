"""The caller's phone: baresip without a head, told what to do over its control port."""

import json
import re
import socket
import subprocess
import threading
import time

from house import free_tcp_port, free_udp_range

CONFIG = """\
poll_method             epoll
sip_listen              127.0.0.1:0
net_interface           127.0.0.1
audio_source            aufile,{silence}
audio_player            aufile,{heard}
audio_alert             aufile,{alert}
ausrc_srate             16000
auplay_srate            48000
ausrc_channels          1
auplay_channels         1
audio_level             no
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
module                  aufile.so
module                  srtp.so
module                  ctrl_tcp.so
module                  menu.so
module                  account.so
"""

ACCOUNT = "<sip:caller@127.0.0.1:0;transport=tls>;regint=0;mediaenc=srtp-mand;audio_codecs={codecs}\n"


class Phone:
    """One baresip process. Its folder holds what the caller knows, so nobody searches it for secrets."""

    RTP_PORTS = 20

    def __init__(self, folder, silence, codecs="opus/48000/1"):
        self.folder = folder / "baresip"
        self.folder.mkdir(mode=0o700)
        self.log = folder / "baresip.log"
        self.control_port = free_tcp_port()
        first = free_udp_range(self.RTP_PORTS)
        (self.folder / "config").write_text(
            CONFIG.format(
                silence=silence, heard=folder / "heard.wav", alert=folder / "alert.wav", rtp_first=first,
                rtp_last=first + self.RTP_PORTS - 1, control=self.control_port))
        (self.folder / "accounts").write_text(ACCOUNT.format(codecs=codecs))
        (self.folder / "contacts").write_text("")
        self.process = None
        self._control = None
        self._closed = threading.Event()

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                # A phone that waits for the processor sends gaps, and no proof is about those.
                ["nice", "-n", "-10", "baresip", "-f", str(self.folder), "-s", "-v"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 15
        while self._control is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"baresip did not start: see {self.log}")
            try:
                self._control = socket.create_connection(("127.0.0.1", self.control_port), timeout=5)
            except OSError:
                time.sleep(0.05)
        self._control.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    # What the phone can do

    def dial(self, uri):
        self._command("dial", uri)

    def speak(self, utterance):
        """From now on the microphone plays this utterance, and silence behind it."""
        self._command("ausrc", f"aufile,{utterance.path}")

    def press(self, keys, interval=0.22):
        for key in keys:
            self._command("sndcode", key)
            time.sleep(interval)

    def hang_up(self):
        self._command("hangup")

    @property
    def has_closed(self):
        return self._closed.is_set()

    def stop(self):
        if self.process is None:
            return
        try:
            self._command("quit")
            self.process.wait(3)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        if self._control is not None:
            self._control.close()

    # What the phone knows

    def srtp_keys(self):
        """The base64 keys of offer and answer as they crossed the wire: suite → keys, from the phone's own trace."""
        trace = self.log.read_text(errors="replace")
        return re.findall(r"^a=crypto:\d+ (\S+) inline:([A-Za-z0-9+/=]+)", trace, re.MULTILINE)

    # ctrl_tcp: JSON in netstrings

    def _command(self, name, parameters=""):
        body = json.dumps({"command": name, "params": parameters, "token": name}).encode()
        self._control.sendall(b"%d:%s," % (len(body), body))

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
                if b'"CALL_CLOSED"' in message:
                    self._closed.set()
