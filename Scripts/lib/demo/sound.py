"""What can be heard in a recording, and where: alignment with the microphone, levels, and a recognizer that knows digits alone."""

import array
import math
import operator
import subprocess

from microphone import RATE, WORDS, write_wave

MODEL = "/usr/share/pocketsphinx/model/en-us"
FRAME = RATE // 50
#: Below this nobody hears anything: 16-bit samples of amplitude 10 and less.
SILENCE_DBFS = -60.0


def dbfs(samples):
    if not samples:
        return -120.0
    mean = sum(sample * sample for sample in samples) / len(samples)
    return 10 * math.log10(mean / 32_768 ** 2) if mean > 0 else -120.0


def loudest(samples):
    """The level of the loudest 20 ms."""
    return max((dbfs(samples[start:start + FRAME]) for start in range(0, max(1, len(samples) - FRAME // 2), FRAME)), default=-120.0)


def is_tone(samples):
    """Whether every 20 ms hold one steady tone and nothing else."""
    frames = [samples[start:start + FRAME] for start in range(0, len(samples) - FRAME + 1, FRAME)]
    pitches = []
    for frame in frames:
        crossings = sum(1 for a, b in zip(frame, frame[1:]) if (a < 0) != (b < 0))
        energy = sum(sample * sample for sample in frame)
        if energy == 0 or crossings < 4:
            return False
        guess = crossings * RATE / (2 * len(frame))
        share = max(_power(frame, guess + shift) for shift in range(-50, 51, 5)) / (energy * len(frame) / 2)
        if share < 0.9:
            return False
        pitches.append(guess)
    return bool(pitches) and max(pitches) - min(pitches) <= 100


def _power(frame, frequency):
    """Goertzel: the power of one frequency, with full power for a sine of as many samples."""
    coefficient = 2 * math.cos(2 * math.pi * frequency / RATE)
    last = before = 0.0
    for sample in frame:
        last, before = sample + coefficient * last - before, last
    return last * last + before * before - coefficient * last * before


# Alignment

DECIMATION = 4
ENVELOPE = RATE // 100


def _decimated(samples):
    return [sum(samples[start:start + DECIMATION]) / DECIMATION for start in range(0, len(samples) - DECIMATION + 1, DECIMATION)]


def _envelope(samples):
    return [
        math.log10(1 + math.sqrt(sum(sample * sample for sample in samples[start:start + ENVELOPE]) / ENVELOPE))
        for start in range(0, len(samples) - ENVELOPE + 1, ENVELOPE)
    ]


def _likeness(pattern, line, at):
    """Normalised cross-correlation at one place, −1 to 1."""
    part = line[at:at + len(pattern)]
    if len(part) < len(pattern):
        return -1.0
    a = sum(pattern) / len(pattern)
    b = sum(part) / len(part)
    above = sum(map(operator.mul, pattern, part)) - len(pattern) * a * b
    below = (sum(map(operator.mul, pattern, pattern)) - len(pattern) * a * a) * (sum(map(operator.mul, part, part)) - len(part) * b * b)
    return above / math.sqrt(below) if below > 0 else 0.0


def find(pattern, line, start=0, end=None):
    """Where `pattern` (what the microphone heard) lies in `line` (what was recorded): sample and likeness of the best place."""
    end = len(line) if end is None else min(end, len(line))
    rough_pattern, rough_line = _envelope(pattern), _envelope(line[start:end])
    places = range(0, max(1, len(rough_line) - len(rough_pattern) + 1))
    best = sorted(places, key=lambda at: _likeness(rough_pattern, rough_line, at), reverse=True)[:12]
    fine_pattern, fine_line = _decimated(pattern), _decimated(line)
    reach = 2 * ENVELOPE // DECIMATION
    candidates = set()
    for at in best:
        middle = (start + at * ENVELOPE) // DECIMATION
        candidates.update(range(max(0, middle - reach), middle + reach + 1))
    likeness, at = max((_likeness(fine_pattern, fine_line, at), at) for at in candidates)
    return at * DECIMATION, likeness


# A recognizer that knows digits alone

GRAMMAR = "#JSGF V1.0;\ngrammar digits;\npublic <number> = (" + " | ".join(WORDS + ["oh"]) + ")*;\n"


class DigitListener:
    """pocketsphinx with a grammar of digits: in anything that sounds like speech it hears digits."""

    def __init__(self, folder):
        self.folder = folder
        self.grammar = folder / "digits.gram"
        self.grammar.write_text(GRAMMAR)
        self.dictionary = folder / "digits.dict"
        wanted = set(WORDS + ["oh"])
        with open(f"{MODEL}/cmudict-en-us.dict") as dictionary:
            self.dictionary.write_text("".join(line for line in dictionary if line.split()[0].split("(")[0] in wanted))

    def hear(self, samples, name):
        """The digits in it, as a string."""
        path = self.folder / f"{name}.wav"
        padding = array.array("h", bytes(RATE))
        write_wave(path, padding + array.array("h", samples) + padding)
        heard = subprocess.run(
            ["pocketsphinx_continuous", "-infile", str(path), "-hmm", f"{MODEL}/en-us", "-dict", str(self.dictionary), "-jsgf",
             str(self.grammar), "-logfn", "/dev/null"],
            capture_output=True, text=True, check=True).stdout
        return "".join("0" if word == "oh" else str(WORDS.index(word)) for word in heard.split() if word in WORDS + ["oh"])


def common_digits(a, b):
    """The length of the longest row of digits that both have in the same order."""
    row = [0] * (len(b) + 1)
    for left in a:
        before = row[:]
        for index, right in enumerate(b):
            row[index + 1] = before[index] + 1 if left == right else max(before[index + 1], row[index])
    return row[-1]
