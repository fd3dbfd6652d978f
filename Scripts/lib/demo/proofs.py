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


@dataclass
class Placement:
    """Where an utterance lies in a recording."""

    shift: int
    likeness: list
    spread: int


def place(utterance, line):
    """Finds the utterance's open words in the caller's line: the first by the whole recording, the others near where they must be."""
    anchors = [segment for segment in utterance.segments if not segment.piece.is_secret]
    first = anchors[0]
    at, likeness = sound.find(utterance.samples[first.start:first.end], line)
    shifts, likenesses = [at - first.start], [likeness]
    for anchor in anchors[1:]:
        expected = anchor.start + shifts[0]
        at, likeness = sound.find(
            utterance.samples[anchor.start:anchor.end], line, max(0, expected - RATE // 2),
            expected + anchor.end - anchor.start + RATE // 2)
        shifts.append(at - anchor.start)
        likenesses.append(likeness)
    return Placement(shifts[0], likenesses, max(shifts) - min(shifts))


#: What two places of one utterance may differ by, and how like each other microphone and recording must be.
SPREAD, LIKENESS = RATE * 40 // 1000, 0.5


def secret_span(utterance, shift):
    secret = [segment for segment in utterance.segments if segment.piece.is_secret]
    return secret[0].start + shift, secret[-1].end + shift


def open_words_are_there(utterance, line):
    """Also the proof that the right place is looked at: the words around the number are found where they must be."""
    placement = place(utterance, line)
    levels = [
        sound.loudest(line[segment.start + placement.shift:segment.end + placement.shift])
        for segment in utterance.segments if not segment.piece.is_secret
    ]
    holds = min(placement.likeness) >= LIKENESS and placement.spread <= SPREAD and min(levels) > -40
    return placement, Verdict(
        holds,
        "the words before and after the number are heard in the recording "
        f"(likeness {', '.join(f'{likeness:.2f}' for likeness in placement.likeness)}, {placement.spread * 1000 // RATE} ms apart from "
        f"where the microphone had them, level {', '.join(f'{level:.0f}' for level in levels)} dBFS)")


def secret_words_are_gone(utterance, line, placement):
    details, holds = [], True
    for segment in utterance.segments:
        if not segment.piece.is_secret:
            continue
        part = line[segment.start + placement.shift:segment.end + placement.shift]
        level = sound.loudest(part)
        is_quiet = level <= sound.SILENCE_DBFS or sound.is_tone(part)
        if not is_quiet or len(part) == 0:
            holds = False
            at = (segment.start + placement.shift) / RATE
            details.append(f"{at:.2f} s to {at + len(part) / RATE:.2f} s: {level:.0f} dBFS, neither silence nor tone")
    start, end = secret_span(utterance, placement.shift)
    return Verdict(
        holds, f"from {start / RATE:.2f} s to {end / RATE:.2f} s, where the microphone had the number, there is silence or tone", details)


def digits_heard(listener, utterance, line, placement, name):
    start, end = secret_span(utterance, placement.shift)
    return listener.hear(line[max(0, start):end], name)


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
