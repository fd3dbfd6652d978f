"""What the person at the terminal sees."""

import sys
import time


class Terminal:
    def __init__(self):
        self.is_colourful = sys.stdout.isatty()
        self.start = time.monotonic()

    def _paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.is_colourful else text

    def title(self, text):
        print("\n" + self._paint("1", text), flush=True)

    def line(self, text=""):
        print(text, flush=True)

    def step(self, at, who, text):
        colours = {"caller": "36", "sotto": "33", "heard": "32", "masked": "35"}
        label = self._paint(colours.get(who, "2"), f"{who:>8}")
        print(f"  {at - self.start:7.2f} s {label}  {text}", flush=True)

    def verdict(self, holds, text, details=()):
        print("  " + (self._paint("32", "holds ") if holds else self._paint("1;31", "BROKEN")) + f"  {text}", flush=True)
        for detail in details:
            print(f"            {detail}", flush=True)


class Narrator:
    """Tells a call's events while they happen, in words."""

    def __init__(self, terminal):
        self.terminal = terminal

    def __call__(self, event):
        told = self._tell(event)
        if told:
            self.terminal.step(event.get("at", time.monotonic()), *told)

    def _tell(self, event):
        get = lambda key: event.get(key, "?")
        name = event["event"]
        if name == "connection.opened":
            return "state", f"connection from {get('address')}: {get('tls')}, {get('cipher')}"
        if name == "call.arrived":
            return "state", f"call {get('call')} by {get('trunk')}, policy {get('policy')}"
        if name == "call.routed":
            return "state", f"routed: {get('rule')}"
        if name == "call.media-agreed":
            return "state", f"media agreed: {get('codec')}, {get('suite')}"
        if name == "call.answered":
            return "state", "answered"
        if name == "media.first-packet":
            return "state", "first authenticated packet"
        if name.startswith("consent."):
            facts = " ".join(f"{key}={value}" for key, value in event.items() if key not in ("event", "level", "time", "call", "tenant", "at"))
            return "consent", f"{name.removeprefix('consent.')} {facts}"
        if name == "voice.said":
            return "sotto", f"“{get('text')}”"
        if name == "voice.heard":
            return "heard", f"“{get('text')}”"
        if name == "caller.speaks":
            return "caller", f"says “{event['utterance'].text}”"
        if name == "caller.keys":
            return "caller", f"keys {event['count']} digits and #"
        if name == "redaction.masked":
            return "masked", f"{get('kind')}, {get('from-ms')} to {get('to-ms')} ms"
        if name == "keys.collected":
            return "masked", f"{get('count')} keys as {get('kind')}"
        if name.startswith("payment."):
            return "state", f"payment mode {name.removeprefix('payment.')}"
        if name == "call.ending":
            return "state", f"ending: {get('cause')}, {get('reason')}"
        if name == "call.recorded":
            return "state", f"record closed: {get('frames')} frames, {get('silenced')} silenced"
        if event.get("level") in ("warning", "error", "critical") or name == "exited":
            return "state", " ".join(f"{key}={value}" for key, value in event.items() if key not in ("time", "at"))
        return None
