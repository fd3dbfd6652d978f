"""Calls a real sottod with a real phone, shows the call, and proves what was promised about it.

Exit code 0 only if everything holds.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import canaries
import keeping
import proofs
from conversation import Conversation
from daemon import Daemon, DaemonError
from house import House
from microphone import Microphone, utterances
from phone import Phone
from report import Narrator, Terminal
from sound import DigitListener
from tools import ToolError, Tools

#: A number that passes Luhn's test and belongs to nobody.
NUMBER = "4539148803436467"


class Call:
    """One daemon, one phone and the call between them, with whatever is learnt from it."""

    def __init__(self, folder, card, options, words):
        self.house = House(folder, card)
        self.options, self.words = options, words
        self.daemon = Daemon(options.sottod, self.house)
        self.tools = Tools(options.sotto, self.house)
        self.phone = None
        self.telling = None
        self.look = None

    def make(self, silence, show, looks_into_memory):
        self.house.build()
        self.daemon.start()
        self.phone = Phone(self.house.caller, silence, self.options.codec)
        self.phone.start()
        conversation = Conversation(self.daemon, self.phone, self.words, self.options.number, show)
        if not looks_into_memory:
            self.telling = conversation.hold()
        else:
            self.look = proofs.MemoryLook(self.daemon.process.pid)
            self.look.take_before()
            self.telling = conversation.hold(on_payment=lambda _: self.look.take_during())
            if self.telling.ended_at and self.daemon.is_alive:
                self.look.take_after(self.telling.ended_at)
        self.phone.stop()
        return self.telling

    def stop(self):
        if self.phone is not None:
            self.phone.stop()
        self.daemon.stop()


class Demonstration:
    def __init__(self, options, folder):
        self.options, self.folder = options, Path(folder)
        self.terminal = Terminal()
        self.calls = []
        self.verdicts = []
        microphone_folder = self.folder / "microphone"
        microphone_folder.mkdir()
        microphone = Microphone(microphone_folder, options.voice)
        self.words = {name: microphone.render(utterance) for name, utterance in utterances(options.number).items()}
        self.silence = microphone.silence()
        self.card = self.words["card"]
        spoken = " ".join(segment.piece.text for segment in self.card.segments if segment.piece.is_secret).split()
        self.number_needles = canaries.number_needles(options.number, spoken)
        listener = self.folder / "listener"
        listener.mkdir()
        self.listener = DigitListener(listener)

    def run(self):
        self.prove_the_search()
        call = self.call_with_masks()
        if call is not None:
            self.report(call)
        for other in self.calls:
            other.stop()
        failed = [verdict for verdict in self.verdicts if not verdict.holds]
        self.terminal.title(f"{len(self.verdicts) - len(failed)} of {len(self.verdicts)} proofs hold" + (":" if failed else "."))
        for verdict in failed:
            self.terminal.line(f"  BROKEN: {verdict.text}")
        return not failed

    def check(self, verdict):
        self.verdicts.append(verdict)
        self.terminal.verdict(verdict.holds, verdict.text, verdict.details)

    def _call(self, name, card, show, looks_into_memory):
        call = Call(self.folder / name, card, self.options, self.words)
        self.calls.append(call)
        telling = call.make(self.silence, show, looks_into_memory)
        wanted = ("yes", "bill", "hours", "card", "keys", "goodbye")
        missing = [act for act in wanted if not telling.did(act)]
        complaint = telling.complaint or (f"Sotto never asked for: {', '.join(missing)}" if missing else "")
        self.check(proofs.Verdict(not complaint, f"the {name} call went from consent to goodbye as it should", [complaint] if complaint else []))
        return call if telling.call and call.daemon.is_alive else None

    # MARK: the search proves itself

    #: A number that the recognizer misread is no number, and Sotto masks what it cannot judge: then the search has nothing to find.
    KEEP_CALLS = 3

    def prove_the_search(self):
        self.terminal.title("First the proofs prove themselves: the same call under card = \"keep\" (it takes a minute)")
        show = Narrator(self.terminal) if self.options.verbose else (lambda event: None)
        for attempt in range(1, self.KEEP_CALLS + 1):
            call = self._call(f"keep{attempt}", "keep", show, looks_into_memory=False)
            if call is None:
                return
            call.tools.record(call.telling.call)
            recording = call.tools.export(call.telling.call)
            found = proofs.search_can_find(call.house.sotto, self.number_needles)
            if found.holds or attempt == self.KEEP_CALLS:
                break
            call.stop()
            heard = "; ".join(event.get("text", "") for event in call.telling.named("voice.heard"))
            self.terminal.line(f"         the recognizer misread the number, and it was masked: once more (heard: {heard})")
        self.check(found)
        line = proofs.caller_line(recording)
        placement, verdict = proofs.open_words_are_there(self.card, line)
        self.check(verdict)
        gone = proofs.secret_words_are_gone(line, placement)
        self.check(proofs.Verdict(not gone.holds, "under card = \"keep\" there is sound where the microphone had the number"))
        heard = proofs.digits_heard(self.listener, line, placement, "keep")
        self.check(proofs.listener_can_hear(heard, self.options.number))
        call.stop()

    # MARK: the real call

    def call_with_masks(self):
        self.terminal.title("The call, with card numbers masked")
        call = self._call("mask", "mask", Narrator(self.terminal), looks_into_memory=True)
        if call is None and self.calls[-1].daemon.strays:
            self.terminal.line("\n".join(self.calls[-1].daemon.strays[-10:]))
        return call

    def report(self, call):
        terminal, telling, tools, house = self.terminal, call.telling, call.tools, call.house
        status = tools.status()
        tools.records()
        detail = tools.record(telling.call)
        recording = tools.export(telling.call)
        tools.audit_list()
        key = tools.audit_key()
        sound, audit = tools.audit_verify(key)

        terminal.title("What was negotiated")
        terminal.line(f"  signaling   {telling.first('connection.opened', 'tls')}, {telling.first('connection.opened', 'cipher')}")
        terminal.line(f"  media       {telling.first('call.media-agreed', 'codec')} over SRTP, {telling.first('call.media-agreed', 'suite')}")
        consent = telling.named("consent.granted")
        terminal.line(f"  consent     {consent[0].get('basis', '')}, for {consent[0].get('uses', '')}" if consent else "  consent     none")

        terminal.title("The masked transcript")
        for entry in detail.get("transcript", []):
            terminal.line(f"  {entry['from'] / 1000:7.2f} s {entry['speaker']:>7}  {entry['text']}")

        terminal.title("The sealed objects")
        for entry in detail["record"]["objects"]:
            terminal.line(f"  {entry['state']:<10} {entry['name']:<16} {entry.get('path') or ''}")
        terminal.line(f"  keys       {house.state / 'records' / 'keys'}")
        terminal.line(f"  recording, masked, for listening: {recording}" + ("" if self.options.keep or self.options.folder else " (goes with the folder: --keep, --folder)"))

        terminal.title("The audit log")
        for text in audit.splitlines():
            terminal.line(f"  {text}")

        terminal.title("The proofs")
        keys = call.phone.srtp_keys()
        key_needles = canaries.key_needles(keys)
        needles = self.number_needles + key_needles
        self.check(proofs.Verdict(len(keys) >= 2, f"the keys of both sides are known from the phone's trace ({len(keys)})"))
        self.check(proofs.nothing_came_out(house.sotto, needles))
        self.check(proofs.memory_search_can_find(call.look, key_needles))
        self.check(proofs.memory_holds_nothing(call.look, needles, self.options.number))
        line = proofs.caller_line(recording)
        placement, verdict = proofs.open_words_are_there(self.card, line)
        self.check(verdict)
        self.check(proofs.secret_words_are_gone(line, placement))
        self.check(proofs.nothing_is_decoded(proofs.digits_heard(self.listener, line, placement, "mask")))
        states = {entry["name"]: entry["state"] for entry in detail["record"]["objects"]}
        self.check(
            proofs.Verdict(
                bool(states) and all(state == "closed" for state in states.values()),
                f"{len(states)} sealed objects, each closed and whole", [f"{name}: {state}" for name, state in states.items() if state != "closed"]))
        said = " ".join(entry["text"] for entry in detail.get("transcript", []))
        self.check(proofs.Verdict("[CARD" in said, "the transcript has a mask where the number was"))
        self.check(proofs.Verdict(sound, "the audit log is sound, checked from its files with a key that was kept elsewhere"))
        alerts = [alert for alert in status.get("alerts", []) if "RLIMIT_MEMLOCK" not in alert]
        self.check(proofs.Verdict(not alerts, "the daemon raised no alert", alerts))
        strays = call.daemon.strays
        self.check(proofs.Verdict(not strays, "every line of the log is JSON", strays[:5]))


def arguments():
    parser = argparse.ArgumentParser(prog="Scripts/demo", description=__doc__)
    parser.add_argument("--sottod", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--sotto", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help="leave a daemon running, and tell how to call it with a phone")
    parser.add_argument("--listen", default="127.0.0.1", help="with --keep: the address for your phone, when it is another machine's")
    parser.add_argument("--card", dest="number", default=NUMBER, help="another card number, 16 digits (a test number!)")
    parser.add_argument("--voice", default="kal16", help="another flite voice of 16 kHz: slt, awb, rms")
    parser.add_argument("--codec", default="opus/48000/1", help="what the phone offers: opus/48000/1, PCMU/8000/1, PCMA/8000/1")
    parser.add_argument("--verbose", action="store_true", help="show the first call as well")
    parser.add_argument("--folder", help="work in this folder, which must not exist, and leave it there")
    options = parser.parse_args()
    if len(options.number) != 16 or not options.number.isdigit():
        parser.error("--card takes 16 digits")
    return options


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    if os.geteuid() != 0:
        print("Only root may look into the daemon's memory: run this as root (sudo Scripts/demo).", file=sys.stderr)
        return 77
    if options.folder:
        folder = Path(options.folder).absolute()
        folder.mkdir(mode=0o700)
    else:
        folder = Path(tempfile.mkdtemp(prefix="sotto-demo-"))
    demonstration, is_kept = None, False
    try:
        demonstration = Demonstration(options, folder)
        holds = demonstration.run()
        if options.keep:
            keeping.keep(demonstration.terminal, folder, options)
            is_kept = True
        return 0 if holds else 1
    except (DaemonError, ToolError, RuntimeError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for call in demonstration.calls if demonstration else []:
            call.stop()
        if not options.folder and not is_kept:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
