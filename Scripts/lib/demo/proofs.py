"""The proofs: what was promised, looked at from outside."""

import time
from dataclasses import dataclass, field

import canaries
import memory
import sound
from microphone import RATE, read_wave


@dataclass
class Verdict:
    holds: bool
    text: str
    details: list = field(default_factory=list)


def summed(findings, limit=12):
    """Findings as lines, the same secret at the same place once."""
    seen = {}
    for finding in findings:
        seen.setdefault((finding.where, finding.needle.secret), finding)
    lines = [str(finding) for finding in seen.values()]
    return lines[:limit] + ([f"… and {len(lines) - limit} more"] if len(lines) > limit else [])


# Canaries


def nothing_came_out(folder, needles):
    findings, files, total = canaries.search_folder(folder, needles)
    return Verdict(
        not findings and files > 0,
        f"neither card number nor SRTP keys in {files} files ({total / 1e6:.1f} MB: state, logs at level debug, every output)",
        summed(findings))


def search_can_find(folder, needles):
    findings, files, _ = canaries.search_folder(folder, needles)
    return Verdict(
        bool(findings), f"under card = \"keep\" the same search finds the number in what came out ({len(findings)} findings in {files} files)",
        summed(findings, 4) if findings else ["the search found nothing where the number must be: it proves nothing"])


@dataclass
class MemoryLook:
    """The daemon's memory during and after a call, without the pages that are as they were before it."""

    pid: int
    before: dict = field(default_factory=dict)
    during: list = field(default_factory=list)
    after: list = field(default_factory=list)
    #: Bytes in all, and seconds between the call's end and the look.
    size: int = 0
    seconds: float = 0.0

    def take_before(self):
        self.before = memory.fingerprint(memory.snapshot(self.pid))

    def take_during(self):
        self.during = memory.changed(memory.snapshot(self.pid), self.before)

    def take_after(self, ended_at, delay=1.0):
        time.sleep(max(0.0, ended_at + delay - time.monotonic()))
        self.seconds = time.monotonic() - ended_at
        areas = memory.snapshot(self.pid)
        self.size = memory.size(areas)
        self.after = memory.changed(areas, self.before)


def memory_holds_nothing(look, needles, number):
    card = canaries.Needle("card number", "digits", b"")
    findings = memory.search_memory(look.after, needles) + memory.search_strided(look.after, number, card)
    return Verdict(
        not findings and bool(look.after),
        f"neither card number nor SRTP keys in the daemon's memory {look.seconds:.1f} s after the call ({look.size / 1e6:.0f} MB, of which "
        f"{memory.size(look.after) / 1e6:.0f} MB have changed since before the call)",
        summed(findings) + [memory.surroundings(look.after, finding) for finding in findings[:6]])


def memory_search_can_find(look, key_needles):
    found = {finding.needle.secret.split(" SRTP ")[1] for finding in memory.search_memory(look.during, key_needles)}
    return Verdict(
        bool(found), f"during the call the same search finds SRTP keys in memory ({', '.join(sorted(found)) or 'none'})",
        [] if found else ["keys in use must be somewhere: the search proves nothing"])


# Sound


#: How like each other microphone and recording must be, and how far a loaded machine may have pushed words apart.
LIKENESS, SPREAD = 0.6, RATE * 2 // 5
#: Open words are looked for in pieces of this length, so that a gap of the line inside them does no harm.
PIECE = RATE * 3 // 10


@dataclass
class Placement:
    """Where an utterance's secret lies in a recording: between the open words before and behind it."""

    start: int
    end: int
    #: Of the pieces beside the secret.
    likeness: tuple
    level: tuple
    spread: int


def place(utterance, line):
    """Finds the open words before the secret in the whole recording, and those behind it near where they must be then."""
    secret = [index for index, segment in enumerate(utterance.segments) if segment.piece.is_secret]
    before, behind = utterance.segments[secret[0] - 1], utterance.segments[secret[-1] + 1]
    at, _ = sound.find(utterance.samples[before.start:before.end], line)
    pieces = [max(before.start, before.end - PIECE - step) for step in range(0, before.end - before.start - PIECE // 2, PIECE // 2)]
    first = _nearest(utterance, line, pieces, at - before.start)
    pieces = list(range(behind.start, behind.end - PIECE // 2, PIECE // 2))
    second = _nearest(utterance, line, pieces, first[0])
    return Placement(
        utterance.segments[secret[0]].start + first[0], utterance.segments[secret[-1]].end + second[0], (first[1], second[1]),
        (first[2], second[2]), abs(second[0] - first[0]))


def _nearest(utterance, line, pieces, shift):
    """The first of `pieces` that is found about `shift` samples on, or the likest: its own shift, its likeness, its level."""
    found = []
    for start in pieces:
        pattern = utterance.samples[start:start + PIECE]
        expected = start + shift
        at, likeness = sound.find(pattern, line, max(0, expected - SPREAD), expected + len(pattern) + SPREAD)
        found.append((at - start, likeness, sound.loudest(line[at:at + len(pattern)])))
        if likeness >= LIKENESS:
            return found[-1]
    return max(found, key=lambda one: one[1])


def open_words_are_there(utterance, line):
    """Also the proof that the right place is looked at: the words around the number are found where they must be."""
    placement = place(utterance, line)
    holds = min(placement.likeness) >= LIKENESS and placement.spread <= SPREAD and min(placement.level) > -40
    shown = lambda values, form: " and ".join(format(value, form) for value in values)
    return placement, Verdict(
        holds,
        "the words before and after the number are heard in the recording "
        f"(likeness {shown(placement.likeness, '.2f')}, level {shown(placement.level, '.0f')} dBFS, the line's gaps in between "
        f"{placement.spread * 1000 // RATE} ms)")


def secret_words_are_gone(line, placement):
    """Every 20 ms between the open words, whatever happened to the line meanwhile."""
    details = []
    for start in range(placement.start, placement.end, RATE // 5):
        part = line[max(0, start):max(0, min(start + RATE // 5, placement.end))]
        level = sound.loudest(part)
        if not part or not (level <= sound.SILENCE_DBFS or sound.is_tone(part)):
            details.append(f"at {start / RATE:.2f} s: {level:.0f} dBFS, neither silence nor tone")
    return Verdict(
        not details and placement.end > placement.start,
        f"from {placement.start / RATE:.2f} s to {placement.end / RATE:.2f} s, where the microphone had the number, there is silence or tone",
        details)


def digits_heard(listener, line, placement, name):
    return listener.hear(line[max(0, placement.start):max(0, placement.end)], name)


def nothing_is_decoded(heard):
    return Verdict(not heard, "a recognizer that knows digits alone decodes nothing there", [f"it decoded {len(heard)} digits"] if heard else [])


def listener_can_hear(heard, number):
    common = sound.common_digits(heard, number)
    return Verdict(
        common * 2 >= len(number),
        f"under card = \"keep\" the same recognizer hears {common} of the number's {len(number)} digits at that place")


def caller_line(path):
    rate, channels = read_wave(path)
    if rate != RATE:
        raise ValueError(f"{path}: {rate} Hz, {RATE} expected")
    return channels[0]
