"""A house for one demonstration: folders, certificates, keys and configuration, all throw-away and all on loopback."""

import os
import socket
from pathlib import Path

from certificates import make_authority, make_certificate

TENANT = "demo"
TRUNK = "phone"
DIALOGUE = "reception"

MACHINE = """\
[machine]
name = "demo"
region = "DE"

[[sip.listener]]
name = "loopback"
bind = "{bind}"
port = {sip_port}
advertise = "{advertise}"
certificate = "server.pem"
key = "file:server.key"

[media]
bind = "{bind}"
advertise = "{advertise}"
port-range = "{media_first}-{media_last}"

[storage]
records = "{state}/records"
audit = "{state}/audit"
index = "{state}/index.sqlite"

[keys]
provider = "local"
root-key = "file:root.key"

[admin]
socket = "{run}/admin.sock"

[[admin.role]]
name = "viewer"
users = [{user}]

[[admin.role]]
name = "operator"
users = [{user}]

[[admin.role]]
name = "records"
users = [{user}]

[[admin.role]]
name = "auditor"
users = [{user}]

[log]
level = "debug"
format = "json"

[speech]
threads = 1
voice = "slt"
"""

POLICY = """\
[tenant]
name = "{tenant}"
region = "DE"

[[trunk]]
name = "{trunk}"
peers = [{peers}]

[[route]]
name = "everything"
from = "{trunk}"
target = "agent:{dialogue}"

[consent]
record = "ask"

[redaction]
card = "{card}"

[[dialogue]]
name = "{dialogue}"
start = "welcome"
silence = "10s"
silence-limit = 3

[[dialogue.state]]
name = "welcome"
say = "Welcome."
ask = "How can I help you?"
listen = [
    {{ words = ["pay", "bill", "payment"], key = "1", next = "bill" }},
    {{ words = ["goodbye", "bye"], key = "9", next = "goodbye" }},
]

[[dialogue.state]]
name = "bill"
ask = "Gladly. Do you want to know anything before that?"
listen = [
    {{ words = ["opening hours", "open", "hours"], key = "1", next = "hours" }},
    {{ words = ["no", "nothing"], key = "2", next = "number" }},
]

[[dialogue.state]]
name = "hours"
say = "We are open from nine to five, Monday to Friday."
next = "number"

[[dialogue.state]]
name = "number"
ask = "Now please tell me your card number."
listen = [
    {{ hears = ["card", "number"], next = "payment" }},
    {{ words = ["card", "number"], next = "payment" }},
]

[[dialogue.state]]
name = "payment"
payment = true
ask = "Please key in the same number, and finish with the hash key."
collect = {{ kind = "card", digits = "12-19", terminator = "#", next = "paid", invalid = "payment" }}

[[dialogue.state]]
name = "paid"
say = "Thank you. The payment is arranged."
ask = "Is there anything else?"
listen = [
    {{ words = ["opening hours", "open", "hours"], key = "1", next = "hours" }},
    {{ words = ["no", "goodbye", "bye", "nothing"], key = "9", next = "goodbye" }},
]

[[dialogue.state]]
name = "goodbye"
say = "Thank you for calling. Goodbye."
hang-up = true
"""


def free_tcp_port(address="127.0.0.1"):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def free_udp_range(count, address="127.0.0.1", first=20_000, last=60_000):
    """The first of `count` consecutive free UDP ports, even; where to look differs from run to run."""
    start = first + (int.from_bytes(os.urandom(2), "big") * 2) % (last - first - count)
    for base in list(range(start - start % 2, last - count, count)) + list(range(first, start, count)):
        probes = []
        try:
            for port in range(base, base + count):
                probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                probes.append(probe)
                probe.bind((address, port))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
    raise RuntimeError(f"no {count} free UDP ports in a row on {address}")


class House:
    """Where one daemon lives. Everything below `sotto` comes out of the daemon or its tools; `caller` is the other side."""

    MEDIA_PORTS = 40

    def __init__(self, folder, card, bind="127.0.0.1", advertise="127.0.0.1", peers=("127.0.0.0/8",)):
        self.folder = Path(folder)
        self.card = card
        self.bind, self.advertise, self.peers = bind, advertise, peers
        self.sotto = self.folder / "sotto"
        self.caller = self.folder / "caller"
        self.configuration = self.sotto / "conf"
        self.state = self.sotto / "state"
        self.run = self.sotto / "run"
        self.outputs = self.sotto / "outputs"
        self.log = self.sotto / "sottod.log"
        self.admin_socket = self.run / "admin.sock"
        self.sip_port = free_tcp_port(bind)
        self.media_first = free_udp_range(self.MEDIA_PORTS, bind)

    def build(self):
        for folder in (self.configuration / "tenants", self.state, self.run, self.outputs, self.caller):
            folder.mkdir(parents=True, mode=0o700)
        self._make_certificates()
        self._write(self.configuration / "root.key", os.urandom(32))
        values = dict(
            bind=self.bind, advertise=self.advertise, sip_port=self.sip_port, media_first=self.media_first,
            media_last=self.media_first + self.MEDIA_PORTS - 1, state=self.state, run=self.run, user=os.geteuid())
        self._write(self.configuration / "sotto.toml", MACHINE.format(**values).encode())
        policy = POLICY.format(
            tenant=TENANT, trunk=TRUNK, dialogue=DIALOGUE, card=self.card, peers=", ".join(f'"{peer}"' for peer in self.peers))
        self._write(self.configuration / "tenants" / f"{TENANT}.toml", policy.encode())

    def _make_certificates(self):
        make_authority(self.configuration)
        make_certificate(self.configuration, "server", self.advertise, f"IP:{self.advertise},DNS:localhost")

    @staticmethod
    def _write(path, content):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)

    @property
    def uri(self):
        return f"sip:{DIALOGUE}@{self.advertise}:{self.sip_port};transport=tls"
