"""A sottod of its own for one scenario: certificates, keys and configuration in a folder, everything on loopback."""

import json
import os
import subprocess
import time

from certificates import make_authority, make_certificate
from daemon import Daemon
from house import free_tcp_port, free_udp_range

MACHINE = """\
[machine]
name = "{name}"
region = "DE"

[[sip.listener]]
name = "loopback"
bind = "127.0.0.1"
port = {sip_port}
advertise = "{advertise}"
certificate = "server.pem"
key = "file:server.key"
client-ca = "ca.pem"
client-certificates = "optional"

[media]
bind = "127.0.0.1"
advertise = "127.0.0.1"
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

[log]
level = "debug"
format = "json"
{more}
"""


class Gateway:
    MEDIA_PORTS = 80

    def __init__(self, binaries, folder, name, policy, more="", authority=None, advertise="127.0.0.1"):
        """`policy`: the text of the one tenant's file. `authority`: a folder with ca.pem and ca.key that signs our certificate."""
        self.binaries, self.folder, self.name = binaries, folder, name
        self.configuration = folder / "conf"
        self.run, self.state = folder / "run", folder / "state"
        self.log = folder / "sottod.log"
        for part in (self.configuration / "tenants", self.run, self.state):
            part.mkdir(parents=True, mode=0o700)
        self.sip_port = free_tcp_port()
        if authority is None:
            make_authority(self.configuration)
        else:
            for file in ("ca.pem", "ca.key"):
                (self.configuration / file).write_bytes((authority / file).read_bytes())
                os.chmod(self.configuration / file, 0o600)
        make_certificate(
            self.configuration, "server", advertise, "IP:127.0.0.1,DNS:localhost", usage="serverAuth,clientAuth")
        self._write("root.key", os.urandom(32))
        first = free_udp_range(self.MEDIA_PORTS)
        self._write("sotto.toml", MACHINE.format(
            name=name, sip_port=self.sip_port, advertise=advertise, media_first=first, media_last=first + self.MEDIA_PORTS - 1,
            state=self.state, run=self.run, user=os.geteuid(), more=more).encode())
        self.set_policy(policy)
        self.daemon = Daemon(str(binaries / "sottod"), self)
        self.seen = []

    def _write(self, name, content):
        path = self.configuration / name
        path.write_bytes(content)
        os.chmod(path, 0o600)

    def set_policy(self, text):
        self._write("tenants/tenant.toml", text.encode())

    def start(self):
        self.daemon.start()

    def stop(self):
        self.daemon.stop()

    def uri(self, user, host="127.0.0.1"):
        return f"sip:{user}@{host}:{self.sip_port};transport=tls"

    def wait_for(self, event, seconds=20, **fields):
        """The next event of this name with these fields; later events stay to be waited for."""
        deadline = time.monotonic() + seconds
        index = 0
        while True:
            while index < len(self.seen):
                candidate = self.seen[index]
                if candidate["event"] == event and all(candidate.get(key) == value for key, value in fields.items()):
                    del self.seen[:index + 1]
                    return candidate
                index += 1
            found = self.daemon.next(deadline - time.monotonic())
            if found is None:
                raise AssertionError(f"{self.name}: no {event} {fields or ''} within {seconds} s")
            if found["event"] == "exited":
                raise AssertionError(f"{self.name}: sottod ended with {found['code']}: {self.log}")
            self.seen.append(found)

    def sotto(self, *arguments):
        done = subprocess.run(
            [str(self.binaries / "sotto"), *arguments, "--socket", str(self.run / "admin.sock"), "--json"], capture_output=True, timeout=60)
        if done.returncode != 0:
            raise AssertionError(f"sotto {' '.join(arguments)}: {done.returncode}: {done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    def wait_until_idle(self, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            gauges = self.sotto("status")["gauges"]
            if gauges["calls"] == 0 and gauges.get("media-sessions", 0) == 0:
                return gauges
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name}: not idle: {gauges}")
            time.sleep(0.1)
