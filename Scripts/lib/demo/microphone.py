"""The caller's voice: flite speaks word groups one by one, so that the time of every secret word is known to the sample."""

import array
import subprocess
import wave
from dataclasses import dataclass, field

RATE = 16_000

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def in_words(digits):
    return " ".join(WORDS[int(digit)] for digit in digits)


@dataclass(frozen=True)
class Piece:
    """A group of words spoken in one breath."""

    text: str
    is_secret: bool = False
    #: Silence before it, in milliseconds.
    pause: int = 60


@dataclass
class Segment:
    """Where a piece lies in its utterance, in samples."""

    piece: Piece
    start: int
    end: int


@dataclass
class Utterance:
    name: str
    pieces: list
    path: str = ""
    samples: array.array = field(default_factory=lambda: array.array("h"))
    segments: list = field(default_factory=list)

    @property
    def text(self):
        return " ".join(piece.text for piece in self.pieces)

    @property
    def seconds(self):
        return (self.segments[-1].end if self.segments else 0) / RATE


def read_wave(path):
    """A 16-bit WAV file's rate and channels, each an array of samples."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError(f"{path}: 16-bit samples expected")
        samples = array.array("h", file.readframes(file.getnframes()))
        count = file.getnchannels()
        return file.getframerate(), [samples[channel::count] for channel in range(count)]


def write_wave(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


class Microphone:
    """Renders utterances. Each file goes on with silence, so that the phone's line never breaks off."""

    #: Silence before the first word, and behind the last: longer than anybody waits.
    LEAD, TAIL = 0.3, 90.0

    def __init__(self, folder, voice="kal16"):
        self.folder = folder
        self.voice = voice

    def render(self, utterance):
        samples = array.array("h", bytes(2 * int(self.LEAD * RATE)))
        for index, piece in enumerate(utterance.pieces):
            samples.extend(array.array("h", bytes(2 * (piece.pause * RATE // 1000))))
            spoken = self._trimmed(self._spoken(piece.text, f"{utterance.name}.{index}"))
            utterance.segments.append(Segment(piece, len(samples), len(samples) + len(spoken)))
            samples.extend(spoken)
        utterance.samples = samples[:]
        samples.extend(array.array("h", bytes(2 * int(self.TAIL * RATE))))
        utterance.path = str(self.folder / f"{utterance.name}.wav")
        write_wave(utterance.path, samples)
        return utterance

    def silence(self):
        path = self.folder / "silence.wav"
        write_wave(path, array.array("h", bytes(2 * int(self.TAIL * RATE))))
        return str(path)

    def _spoken(self, text, name):
        path = self.folder / f"{name}.piece.wav"
        subprocess.run(["flite", "-voice", self.voice, "-t", text, "-o", str(path)], check=True, stdout=subprocess.DEVNULL)
        rate, channels = read_wave(path)
        if rate != RATE:
            raise ValueError(f"flite's voice {self.voice} speaks at {rate} Hz; one of {RATE} Hz is needed")
        return channels[0]

    @staticmethod
    def _trimmed(samples, begins=40, ends=150, margin=RATE // 40):
        """Without the silence that flite puts around words. What is as soft as an f begins a word."""
        first = next((index for index, sample in enumerate(samples) if abs(sample) > begins), None)
        last = next((index for index in range(len(samples) - 1, -1, -1) if abs(samples[index]) > ends), None)
        if first is None or last is None:
            return samples
        return samples[max(0, first - margin):min(len(samples), last + margin)]


def card_utterance(number):
    """The number in groups, with a filler in it and a group that is first said wrong."""
    groups = [number[start:start + 4] for start in range(0, len(number), 4)]
    wrong = groups[-1][:-1] + str((int(groups[-1][-1]) + 4) % 10)
    pieces = [Piece("yes my card number is")]
    pieces += [Piece(in_words(group), True, 100) for group in groups[:-1]]
    pieces += [Piece("um", True, 100), Piece(in_words(wrong), True, 120), Piece("no wait", True, 120)]
    pieces += [Piece(in_words(groups[-1]), True, 120), Piece("thank you very much", pause=220)]
    return Utterance("card", pieces)


def utterances(number):
    """What the caller says, by name."""
    said = [
        Utterance("yes", [Piece("yes")]), Utterance("bill", [Piece("I would like to pay my bill")]),
        Utterance("hours", [Piece("what are your opening hours")]), card_utterance(number), Utterance("goodbye", [Piece("goodbye")]),
    ]
    return {utterance.name: utterance for utterance in said}
