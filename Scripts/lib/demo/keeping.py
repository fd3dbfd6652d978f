"""`Scripts/demo --keep`: a daemon that stays, for a phone of one's own."""

import shlex

from daemon import Daemon
from house import DIALOGUE, TENANT, House


def keep(terminal, folder, options):
    """Starts a daemon that outlives this script, and tells what to do with it."""
    is_local = options.listen.startswith("127.")
    house = House(
        folder / "kept", "mask", bind=options.listen, advertise=options.listen, peers=("127.0.0.0/8",) if is_local else ("0.0.0.0/0",))
    house.build()
    daemon = Daemon(options.sottod, house, outlives_us=True)
    daemon.start()
    sotto = lambda arguments: f"{shlex.quote(options.sotto)} {arguments} --socket {shlex.quote(str(house.admin_socket))}"
    policy = house.configuration / "tenants" / f"{TENANT}.toml"
    terminal.title(f"A daemon stays for you (process {daemon.process.pid})")
    terminal.line(f"""\
  Call it from {"this machine" if is_local else "anywhere on the network"} with any SIP phone that has TLS and SRTP with SDES keys:

    address      {house.uri}      (any user leads to "{DIALOGUE}")
    transport    TLS, certificate signed by {house.configuration / 'ca.pem'}
    media        SRTP mandatory; Opus, PCMU or PCMA
    no registration and no password: it trusts {'this machine' if is_local else 'EVERYBODY who reaches it'}

    linphone     transport TLS, media encryption SRTP, and that file as root CA
    baresip      ~/.baresip/accounts:  <sip:me@{options.listen}:0;transport=tls>;regint=0;mediaenc=srtp-mand
                 ~/.baresip/config:    net_interface {options.listen}, module srtp.so, and module account.so as the last one
                 baresip -e '/dial {house.uri}'

  Say yes, ask for the opening hours, ask to pay, say a number, key a number. Then try:

    {sotto('events')}
    {sotto('status')}
    {sotto('calls')}
    {sotto(f'records list --tenant {TENANT}')}
    {sotto(f'records show CALL --tenant {TENANT}')}
    {sotto(f'records export CALL --tenant {TENANT} --output call.wav')}
    {sotto('audit list')}
    {sotto('audit verify')}
    $EDITOR {policy} && {sotto('reload')}

  Its log is {house.log}. The calls of the proofs lie in {folder} as well.
  To end it and forget everything: kill {daemon.process.pid}; rm -r {folder}
""")
