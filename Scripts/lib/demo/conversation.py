"""The caller's side of the talk: hears what Sotto asks (from the daemon's events) and answers when it is the caller's turn."""

import time
from dataclasses import dataclass, field

#: What the caller does when Sotto's last prompt holds these words and then listens. First match counts; None: nothing.
ANSWERS = [
    ("to withdraw", None),
    ("may we record", "yes"),
    ("please say yes", "yes"),
    ("how can i help", "bill"),
    ("anything before that", "hours"),
    ("your card number", "card"),
    ("key in the same number", "keys"),
    ("anything else", "goodbye"),
]

#: A question that is put more often than this has not been understood, and the call is given up.
ATTEMPTS = 3


@dataclass
class Telling:
    """What happened in a call, for the proofs and the report."""

    call: str = ""
    events: list = field(default_factory=list)
    #: What the caller did: when (monotonic), and what.
    acts: list = field(default_factory=list)
    ended_at: float = 0.0
    complaint: str = ""

    def named(self, name):
        return [event for event in self.events if event["event"] == name]

    def first(self, name, key, otherwise=""):
        found = self.named(name)
        return found[0].get(key, otherwise) if found else otherwise

    def did(self, act):
        return any(name == act for _, name in self.acts)


class Conversation:
    """One call from dialling to the closed recording."""

    def __init__(self, daemon, phone, utterances, number, show, limit=240.0):
        self.daemon, self.phone, self.utterances, self.number, self.show = daemon, phone, utterances, number, show
        self.limit = limit
        self.telling = Telling()
        self.prompt = ""
        self.attempts = {}
        self.busy_until = 0.0

    def hold(self, on_payment=lambda telling: None):
        """Calls, talks, and comes back when the call's record is closed. `on_payment`: called when payment mode has begun."""
        telling = self.telling
        deadline = time.monotonic() + self.limit
        self.phone.dial(self.daemon.house.uri)
        while True:
            event = self.daemon.next(deadline - time.monotonic())
            if event is None:
                telling.complaint = f"the call was not over within {self.limit:.0f} s"
                self.phone.hang_up()
                return telling
            telling.events.append(event)
            self.show(event)
            name = event["event"]
            if name == "exited":
                telling.complaint = f"sottod ended in the call, exit code {event['code']}"
                return telling
            if name == "call.arrived":
                telling.call = event["call"]
            elif name == "voice.said":
                self.prompt = event["text"].lower()
            elif name == "voice.listening":
                self._answer(on_payment)
            elif name == "call.ending":
                telling.ended_at = event["at"]
            elif name == "call.recorded":
                return telling
            if telling.complaint:
                self.phone.hang_up()

    def _answer(self, on_payment):
        act = next((act for words, act in ANSWERS if words in self.prompt), None)
        # Whoever is still speaking does not begin again because of a question in between.
        if act is None or time.monotonic() < self.busy_until:
            return
        self.attempts[act] = self.attempts.get(act, 0) + 1
        if self.attempts[act] > ATTEMPTS:
            self.telling.complaint = self.telling.complaint or f"Sotto asked {ATTEMPTS} times: {self.prompt}"
            return
        self.telling.acts.append((time.monotonic(), act))
        if act == "keys":
            on_payment(self.telling)
            self.show({"event": "caller.keys", "count": len(self.number), "at": time.monotonic()})
            self.phone.press(self.number + "#")
        else:
            self.show({"event": "caller.speaks", "utterance": self.utterances[act], "at": time.monotonic()})
            self.phone.speak(self.utterances[act])
            self.busy_until = time.monotonic() + self.utterances[act].seconds
