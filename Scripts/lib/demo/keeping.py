"""`Scripts/demo --keep`: a daemon that stays, for a phone of one's own."""

import shlex
import signal
import socket
import threading

from daemon import Daemon
from house import DIALOGUE, TENANT, House
from report import Narrator


def own_address():
    """The address by which others on the network reach this machine; loopback when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only chooses an address.
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def keep(terminal, folder, options):
    """Runs a daemon until the person interrupts."""
    house = House(folder / "kept", "mask")
    house.build()
    daemon = Daemon(options.sottod, house)
    daemon.start()
    stopped = threading.Event()
    try:
        signal.signal(signal.SIGINT, lambda *_: stopped.set())
        signal.signal(signal.SIGTERM, lambda *_: stopped.set())
        sotto = f"{shlex.quote(options.sotto)} {{}} --socket {shlex.quote(str(house.admin_socket))}"
        terminal.title("A daemon stays for you")
        terminal.line(f"""\
  Call it from this machine with any SIP phone that can TLS and SRTP (SDES), for instance:

    baresip      account: <sip:me@127.0.0.1:0;transport=tls>;regint=0;mediaenc=srtp-mand;audio_codecs=opus/48000/1
                 config: net_interface 127.0.0.1 · then: /dial {house.uri}
    linphone     transport TLS, media encryption SRTP mandatory, root CA {house.configuration / 'ca.pem'}

    address      {house.uri}      (any user name leads to "{DIALOGUE}")
    certificate  signed by {house.configuration / 'ca.pem'}

  Then try:

    {sotto.format('status')}
    {sotto.format('events')}
    {sotto.format('calls')}
    {sotto.format(f'records list --tenant {TENANT}')}
    {sotto.format(f'records show CALL --tenant {TENANT}')}
    {sotto.format(f'records export CALL --tenant {TENANT} --output call.wav')}
    {sotto.format('audit list')}
    {sotto.format('audit verify')}
    $EDITOR {house.configuration / 'tenants' / (TENANT + '.toml')} && {sotto.format('reload')}

  The proofs' calls lie in {folder} as well. Ctrl-C ends the daemon; the folder stays.
""")
        narrator = Narrator(terminal)
        while not stopped.is_set():
            event = daemon.next(0.5)
            if event is not None:
                narrator(event)
                if event["event"] == "exited":
                    return
    finally:
        daemon.stop()
