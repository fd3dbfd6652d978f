"""We call other stacks: bridges from one phone to another, over a trunk of each, and between two gateways."""

import time

from baresip import Baresip
from calls_to_us import ECHO
from gateway import Gateway
from tone import seconds_heard, write_tone

BRIDGE = """\
[tenant]
name = "interop"
region = "DE"

[[trunk]]
name = "phone"
peers = ["127.0.0.0/8"]

[[trunk]]
name = "far"
certificate-identity = "localhost"
media = {{ suites = [{suites}], codecs = [{codecs}], keying = "{keying}" }}
outbound = {{ servers = ["127.0.0.1:{port}"], tls-name = "localhost", server-ca = "{authority}", probe = "5s", failures = 1 }}

[[route]]
from = "phone"
target = "trunk:far"
"""

NEAR, FAR = 600, 950
GCM = '"AEAD_AES_256_GCM"'
CM = '"AES_CM_128_HMAC_SHA1_80"'


def bridged(world, suites=GCM, codecs='"PCMU"', keying="sdes", far_keying="srtp-mand", near_codecs="PCMU", far_codecs="PCMU", rate=8_000,
            suite=None):
    """One phone calls another through the gateway: each hears the other's tone, and nothing of the one's address reaches the other."""
    authority = world.folder / "authority"
    authority.mkdir()
    from certificates import make_authority

    make_authority(authority)
    near_tone, far_tone = world.folder / "near.wav", world.folder / "far.wav"
    write_tone(near_tone, NEAR, rate=rate)
    write_tone(far_tone, FAR, rate=rate)
    far = world.started(
        Baresip(world.folder / "far", far_tone, "sip:+4940987654@127.0.0.1", keying=far_keying, codecs=far_codecs, answers=True, rate=rate,
                authority=authority))
    policy = BRIDGE.format(suites=suites, codecs=codecs, keying=keying, port=far.tls_port, authority=authority / "ca.pem")
    gateway = world.started(Gateway(world.binaries, world.folder / "gateway", "gateway", policy, authority=authority))
    near = world.started(
        Baresip(world.folder / "near", near_tone, "sip:+4930123456@127.0.0.1", codecs=near_codecs, rate=rate))
    near.dial(gateway.uri("+4940987654"))
    far.wait_for("CALL_ESTABLISHED")
    near.wait_for("CALL_ESTABLISHED")
    time.sleep(3)
    ladder = gateway.sotto("call", gateway.sotto("calls")[0]["call"], "--trace")
    far.command("hangup")
    near.wait_for("CALL_CLOSED")
    gateway.wait_until_idle()
    near.stop()
    far.stop()
    text = far.log.read_text(errors="replace")
    inner = f"127.0.0.1:{near.sip_port}"
    assert inner not in text, f"the far side has seen {inner}"
    if suite:
        assert f"cryptosuite={suite}" in text, f"the far side does not speak {suite}"
    legs = {step["leg"] for step in ladder["steps"]}
    assert legs == {0, 1}, f"the ladder shows legs {legs}"
    heard = seconds_heard(near.heard, FAR), seconds_heard(far.heard, NEAR)
    assert min(heard) >= 1.8, f"the tones were heard for {heard} s only"
    return f"heard {heard[0]:.1f} and {heard[1]:.1f} s"


def test_bridge_to_gcm_256(world):
    return bridged(world, suite="AEAD_AES_256_GCM")


def test_bridge_to_gcm_128(world):
    return bridged(world, suites='"AEAD_AES_128_GCM"', suite="AEAD_AES_128_GCM")


def test_bridge_same_suite(world):
    return bridged(world, suites=CM, suite="AES_CM_128_HMAC_SHA1_80")


def test_bridge_pcmu_to_opus(world):
    return bridged(world, codecs='"opus"', far_codecs="opus/48000/1", rate=16_000)


def test_bridge_pcmu_to_g722(world):
    return bridged(world, codecs='"G722"', far_codecs="G722/16000/1", rate=16_000)


def test_bridge_sdes_to_dtls(world):
    return bridged(world, keying="dtls", far_keying="dtls_srtp")


def test_busy_far_side_is_told(world):
    """Nobody answers at the far side's port: the caller gets its refusal at once, and not a silent minute."""
    from certificates import make_authority
    from house import free_tcp_port

    authority = world.folder / "authority"
    authority.mkdir()
    make_authority(authority)
    tone = world.folder / "tone.wav"
    write_tone(tone, NEAR, rate=8_000)
    policy = BRIDGE.format(suites=CM, codecs='"PCMU"', keying="sdes", port=free_tcp_port(), authority=authority / "ca.pem")
    gateway = world.started(Gateway(world.binaries, world.folder / "gateway", "gateway", policy, authority=authority))
    gateway.wait_for("trunk.server-out", 15)
    phone = world.started(Baresip(world.folder / "phone", tone, "sip:caller@127.0.0.1", codecs="PCMU", rate=8_000))
    phone.dial(gateway.uri("+4940987654"))
    phone.wait_for("CALL_CLOSED", 10)
    gateway.wait_until_idle()


def test_two_gateways(world):
    """A phone calls a gateway, which calls another by their trunk, mutual TLS by certificates: the second one echoes."""
    from certificates import make_authority

    authority = world.folder / "authority"
    authority.mkdir()
    make_authority(authority)
    tone = world.folder / "tone.wav"
    write_tone(tone, NEAR)
    second_policy = ECHO.replace('peers = ["127.0.0.0/8"]', 'certificate-identity = "localhost"')
    second = world.started(
        Gateway(world.binaries, world.folder / "second", "second", second_policy, authority=authority))
    policy = BRIDGE.format(
        suites=GCM, codecs='"opus"', keying="sdes", port=second.sip_port, authority=authority / "ca.pem")
    first = world.started(
        Gateway(world.binaries, world.folder / "first", "first", policy, authority=authority,
                more='[sip.outbound]\ncertificate = "server.pem"\nkey = "file:server.key"\n'))
    phone = world.started(Baresip(world.folder / "phone", tone, "sip:caller@127.0.0.1"))
    phone.dial(first.uri("echo"))
    agreed = second.wait_for("call.media-agreed")
    phone.wait_for("CALL_ESTABLISHED")
    time.sleep(3)
    phone.command("hangup")
    second.wait_for("call.ending")
    first.wait_until_idle()
    second.wait_until_idle()
    phone.stop()
    heard = seconds_heard(phone.heard, NEAR)
    assert heard >= 2, f"the tone came back for {heard} s only"
    return f"{agreed['codec']}, {agreed['suite']} between the gateways, heard {heard:.1f} s"
