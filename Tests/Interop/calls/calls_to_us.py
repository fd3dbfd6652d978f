"""Other stacks call us and hear themselves: every keying, suite and codec that they have."""

import time

from baresip import Baresip
from gateway import Gateway
from linphone import Linphone
from tone import seconds_heard, write_tone

ECHO = """\
[tenant]
name = "interop"
region = "DE"

[[trunk]]
name = "phone"
peers = ["127.0.0.0/8"]
media = { suites = [
    "AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80",
], keying = "any", codecs = ["opus", "G722", "PCMU", "PCMA"] }

[[route]]
from = "phone"
target = "echo"
"""

FREQUENCY = 600


def echo_with_baresip(world, keying, codecs, codec, mux=False, rate=16_000, suite=None, hold=False):
    tone = world.folder / "tone.wav"
    write_tone(tone, FREQUENCY, rate=rate)
    gateway = world.started(Gateway(world.binaries, world.folder / "gateway", "gateway", ECHO))
    phone = world.started(
        Baresip(world.folder / "phone", tone, "sip:caller@127.0.0.1", keying=keying, codecs=codecs, mux=mux, rate=rate))
    phone.dial(gateway.uri("echo"))
    agreed = gateway.wait_for("call.media-agreed")
    phone.wait_for("CALL_ESTABLISHED")
    assert agreed["codec"] == codec, f"agreed on {agreed['codec']}, not {codec}"
    if suite:
        assert agreed["suite"] == suite, f"agreed on {agreed['suite']}, not {suite}"
    time.sleep(3)
    if hold:
        phone.command("hold")
        gateway.wait_for("call.media-changed")
        time.sleep(1)
        phone.command("resume")
        gateway.wait_for("call.media-changed")
        time.sleep(2)
    phone.command("hangup")
    gateway.wait_for("call.ending")
    gauges = gateway.wait_until_idle()
    phone.stop()
    heard = seconds_heard(phone.heard, FREQUENCY)
    assert heard >= 2, f"the tone came back for {heard} s only"
    return f"{agreed['codec']}, {agreed['suite']}, heard {heard:.1f} s"


def test_baresip_sdes_opus(world):
    return echo_with_baresip(world, "srtp-mand", "opus/48000/1", "opus")


def test_baresip_sdes_pcmu(world):
    return echo_with_baresip(world, "srtp-mand", "PCMU", "PCMU", rate=8_000, suite="AES_CM_128_HMAC_SHA1_80")


def test_baresip_sdes_pcma(world):
    return echo_with_baresip(world, "srtp-mand", "PCMA", "PCMA", rate=8_000)


def test_baresip_sdes_g722(world):
    return echo_with_baresip(world, "srtp-mand", "G722/16000/1", "G722")


def test_baresip_optional_sdes(world):
    return echo_with_baresip(world, "srtp-mandf", "PCMU", "PCMU", rate=8_000)


def test_baresip_sdes_rtcp_mux(world):
    return echo_with_baresip(world, "srtp-mand", "PCMU", "PCMU", mux=True, rate=8_000)


def test_baresip_dtls_opus(world):
    return echo_with_baresip(world, "dtls_srtp", "opus/48000/1", "opus")


def test_baresip_dtls_pcmu(world):
    return echo_with_baresip(world, "dtls_srtp", "PCMU", "PCMU", rate=8_000)


def test_baresip_dtls_mux(world):
    return echo_with_baresip(world, "dtls_srtp", "PCMU", "PCMU", mux=True, rate=8_000)


def test_baresip_hold(world):
    return echo_with_baresip(world, "srtp-mand", "PCMU", "PCMU", rate=8_000, hold=True)


def echo_with_linphone(world, keying="srtp", suites="AES_CM_128_HMAC_SHA1_80", suite=None, authority=None):
    tone = world.folder / "tone.wav"
    write_tone(tone, FREQUENCY)
    gateway = world.started(Gateway(world.binaries, world.folder / "gateway", "gateway", ECHO, advertise="localhost"))
    phone = world.started(
        Linphone(world.folder / "phone", tone, authority or gateway.configuration / "ca.pem", keying=keying, suites=suites))
    phone.stream()
    phone.dial(gateway.uri("echo", host="localhost"))
    agreed = gateway.wait_for("call.media-agreed")
    gateway.wait_for("call.answered")
    if suite:
        assert agreed["suite"] == suite, f"agreed on {agreed['suite']}, not {suite}"
    time.sleep(4)
    phone.hang_up()
    gateway.wait_for("call.ending")
    gateway.wait_until_idle()
    phone.stop()
    heard = seconds_heard(phone.heard, FREQUENCY)
    assert heard >= 1.5, f"the tone came back for {heard} s only"
    return f"{agreed['codec']}, {agreed['suite']}, heard {heard:.1f} s"


def test_linphone_aes256(world):
    return echo_with_linphone(world, suites="AES_256_CM_HMAC_SHA1_80", suite="AES_256_CM_HMAC_SHA1_80")


def test_linphone_cm(world):
    return echo_with_linphone(world, suites="AES_CM_128_HMAC_SHA1_80", suite="AES_CM_128_HMAC_SHA1_80")


def test_linphone_dtls(world):
    return echo_with_linphone(world, keying="dtls")


def test_linphone_refuses_a_foreign_authority(world):
    """It verifies certificates: with another authority there is no call."""
    from certificates import make_authority

    other = world.folder / "other"
    other.mkdir()
    make_authority(other, "/CN=Somebody else")
    try:
        echo_with_linphone(world, authority=other / "ca.pem")
    except AssertionError as error:
        assert "no call.media-agreed" in str(error), error
        return "no call came"
    raise AssertionError("linphone accepted a certificate of an unknown authority")
