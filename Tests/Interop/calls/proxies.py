"""kamailio before us: a TLS proxy with Record-Route, and a registrar that asks for digest."""

import time

from baresip import Baresip
from calls_to_us import ECHO
from certificates import make_authority
from gateway import Gateway
from kamailio import Kamailio
from tone import seconds_heard, write_tone

REGISTERED = """\
[tenant]
name = "interop"
region = "DE"

[[trunk]]
name = "carrier"
peers = ["127.0.0.0/8"]
outbound = {{ servers = ["127.0.0.1:{port}"], tls-name = "localhost", server-ca = "{authority}", probe = "5s", domain = "registrar.example", \
credentials = {{ user = "acme", password = "file:password" }}, register = {{ user = "registered", expires = "60s" }} }}

[[route]]
from = "carrier"
target = "echo"
"""


def authority_of(world):
    folder = world.folder / "authority"
    folder.mkdir()
    make_authority(folder)
    return folder


def echoed_by(world, phone, uri, gateway, tone=600):
    phone.dial(uri)
    agreed = gateway.wait_for("call.media-agreed")
    phone.wait_for("CALL_ESTABLISHED")
    time.sleep(3)
    phone.command("hangup")
    gateway.wait_for("call.ending")
    gateway.wait_until_idle()
    phone.stop()
    heard = seconds_heard(phone.heard, tone)
    assert heard >= 2, f"the tone came back for {heard} s only"
    return f"{agreed['codec']}, heard {heard:.1f} s"


def test_proxy_with_record_route(world):
    """ACK and BYE come back by the proxy's Record-Route."""
    authority = authority_of(world)
    tone = world.folder / "tone.wav"
    write_tone(tone, 600)
    gateway = world.started(Gateway(world.binaries, world.folder / "gateway", "gateway", ECHO, authority=authority))
    proxy = world.started(Kamailio(world.folder / "proxy", authority, gateway.sip_port))
    phone = world.started(Baresip(world.folder / "phone", tone, "sip:caller@127.0.0.1"))
    return echoed_by(world, phone, f"sip:echo@127.0.0.1:{proxy.port};transport=tls", gateway)


def test_we_register_with_digest(world):
    """The registrar asks for SHA-256 digest; calls to the registered name come to us over the connection that we opened."""
    authority = authority_of(world)
    tone = world.folder / "tone.wav"
    write_tone(tone, 600)
    proxy = world.started(Kamailio(world.folder / "proxy", authority, 9, password="correct horse"))
    gateway = Gateway(
        world.binaries, world.folder / "gateway", "gateway",
        REGISTERED.format(port=proxy.port, authority=authority / "ca.pem"), authority=authority)
    gateway._write("password", b"correct horse\n")
    world.started(gateway)
    gateway.wait_for("trunk.registered")
    phone = world.started(Baresip(world.folder / "phone", tone, "sip:caller@127.0.0.1"))
    return echoed_by(world, phone, f"sip:registered@127.0.0.1:{proxy.port};transport=tls", gateway)


def test_wrong_password_is_told(world):
    authority = authority_of(world)
    proxy = world.started(Kamailio(world.folder / "proxy", authority, 9, password="correct horse"))
    gateway = Gateway(
        world.binaries, world.folder / "gateway", "gateway",
        REGISTERED.format(port=proxy.port, authority=authority / "ca.pem"), authority=authority)
    gateway._write("password", b"battery staple\n")
    world.started(gateway)
    gateway.wait_for("trunk.registration-failed")
    alerts = gateway.sotto("status")["alerts"]
    assert any("not registered" in alert for alert in alerts), alerts
    assert b"battery staple" not in gateway.log.read_bytes()
