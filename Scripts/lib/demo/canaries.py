"""The secrets of a call in every form in which they could come out, and the search for them."""

import base64
import os
import subprocess
from dataclasses import dataclass

from microphone import WORDS, in_words


@dataclass(frozen=True)
class Needle:
    """One secret in one form. Its description never holds the secret."""

    secret: str
    form: str
    value: bytes


def base64_parts(value):
    """What is found inside any base64 text that holds `value`, whatever stands before and behind it."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + value)
        first = (0, 2, 3)[shift]
        # The last character that holds no bit of what comes behind.
        last = (shift + len(value)) * 8 // 6
        part = text[first:last]
        yield f"base64 at alignment {shift}", part
        urlsafe = part.translate(bytes.maketrans(b"+/", b"-_"))
        if urlsafe != part:
            yield f"base64url at alignment {shift}", urlsafe


def text_forms(secret, form, text):
    raw = text.encode()
    yield Needle(secret, form, raw)
    yield Needle(secret, form + ", UTF-16LE", text.encode("utf-16-le"))
    yield Needle(secret, form + ", UTF-16BE", text.encode("utf-16-be"))


def digit_forms(secret, digits, whole=False):
    """A run of at least eight digits. `whole`: also forms that are only long enough for a whole number, which come last."""
    values = [int(digit) for digit in digits]
    yield from text_forms(secret, "digits", digits)
    yield Needle(secret, "digits, UTF-32LE", digits.encode("utf-32-le"))
    yield Needle(secret, "digits, UTF-32BE", digits.encode("utf-32-be"))
    yield Needle(secret, "digits backwards", digits[::-1].encode())
    yield Needle(secret, "digits in hex", digits.encode().hex().encode())
    for form, part in base64_parts(digits.encode()):
        yield Needle(secret, "digits in " + form, part)
    groups = [digits[start:start + 4] for start in range(0, len(digits), 4)]
    for name, separator in (("spaces", " "), ("hyphens", "-"), ("dots", ".")):
        yield from text_forms(secret, f"groups with {name}", separator.join(groups))
    for name, separator in (("spaces", " "), ("hyphens", "-"), ("commas", ","), ("commas and spaces", ", ")):
        yield from text_forms(secret, f"digit by digit with {name}", separator.join(digits))
    for width in (1, 2, 4, 8):
        for order in ("little", "big") if width > 1 else ("little",):
            yield Needle(secret, f"digit values of {width} bytes, {order} endian", b"".join(v.to_bytes(width, order) for v in values))
    if whole:
        yield Needle(secret, "packed decimal", bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2)))
        for order in ("little", "big"):
            yield Needle(secret, f"an integer, {order} endian", int(digits).to_bytes(8, order))


def word_forms(secret, words):
    """A row of number words."""
    text = " ".join(words)
    yield from text_forms(secret, "words", text)
    yield from text_forms(secret, "words in capitals", text.upper())
    yield from text_forms(secret, "words with capitals", text.title())
    for name, separator in (("hyphens", "-"), ("commas", ", "), ("underscores", "_"), ("zero bytes", "\0"), ("quotes", '","')):
        yield Needle(secret, f"words with {name}", separator.join(words).encode())
    for form, part in base64_parts(text.encode()):
        yield Needle(secret, "words in " + form, part)


def number_needles(number, spoken):
    """A card number in runs of eight digits, and in six words in a row of how it was spoken (`spoken`: words with fillers).

    The whole number in any of these forms holds such a run, so that a part of it is found as well as all of it.
    """
    found = list(digit_forms("card number", number, whole=True))[-3:]
    for start in range(0, len(number) - 7, 2):
        found += digit_forms(f"card number, digits {start + 1} to {start + 8}", number[start:start + 8])
    for line in (in_words(number).split(), spoken):
        for start in range(0, len(line) - 5, 2):
            run = line[start:start + 6]
            if sum(word in WORDS for word in run) >= 4:
                found += word_forms(f"card number, words from {start + 1}", run)
    return list({needle.value: needle for needle in found}.values())


def key_needles(keys):
    """SRTP keys as they crossed the signaling (suite, base64): the master key and salt, and the session keys that come from them."""
    found = []
    for index, (suite, text) in enumerate(keys):
        name = ("caller's", "Sotto's")[index] if index < 2 else f"key {index + 1}'s"
        raw = base64.b64decode(text + "=" * (-len(text) % 4))
        # A 256-bit key has a 96-bit salt (RFC 7714), a 128-bit one 112 bits with counter mode and 96 with GCM.
        length = 32 if "256" in suite else 16
        parts = {"master key and salt": raw, "master key": raw[:length]}
        parts.update(session_keys(raw[:length], raw[length:], suite))
        for part, value in parts.items():
            secret = f"{name} SRTP {part}"
            found.append(Needle(secret, "bytes", value))
            found.append(Needle(secret, "bytes backwards", value[::-1]))
            found.append(Needle(secret, "hex", value.hex().encode()))
            found.append(Needle(secret, "hex in capitals", value.hex().upper().encode()))
            found.append(Needle(secret, "hex, UTF-16LE", value.hex().encode("utf-16-le")))
            for form, encoded in base64_parts(value):
                found.append(Needle(secret, form, encoded))
        found.append(Needle(f"{name} SRTP master key and salt", "base64, UTF-16LE", text.encode("utf-16-le")))
        found.append(Needle(f"{name} SRTP master salt", "bytes", raw[length:]))
    return list({needle.value: needle for needle in found}.values())


def session_keys(key, salt, suite):
    """What RFC 3711 §4.3.1 derives from a master key: the keys with which packets are really protected."""
    lengths = {0: len(key), 1: 20, 3: len(key), 4: 20}
    names = {0: "session key", 1: "authentication key", 3: "SRTCP session key", 4: "SRTCP authentication key"}
    if "GCM" in suite:
        del lengths[1], lengths[4]
    derived = {}
    for label, length in lengths.items():
        start = bytearray(salt.ljust(14, b"\0"))
        start[7] ^= label
        stream = subprocess.run(
            ["openssl", "enc", f"-aes-{len(key) * 8}-ctr", "-K", key.hex(), "-iv", (bytes(start) + b"\0\0").hex(), "-nosalt"],
            input=bytes(length), capture_output=True, check=True).stdout
        derived[names[label]] = stream[:length]
    return derived


@dataclass(frozen=True)
class Finding:
    where: str
    offset: int
    needle: Needle

    def __str__(self):
        return f"{self.needle.secret} ({self.needle.form}) in {self.where} at {self.offset:#x}"


def search(where, content, needles, at=0):
    for needle in needles:
        offset = content.find(needle.value)
        if offset >= 0:
            yield Finding(where, at + offset, needle)


def search_folder(folder, needles):
    """Every file below a folder, and its name. Returns findings, and the number of files and bytes that were looked at."""
    findings, files, total = [], 0, 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            where = os.path.relpath(path, folder)
            findings += search(f"the name {where}", os.fsencode(where), needles)
            if not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            files, total = files + 1, total + len(content)
            findings += search(where, content, needles)
    return findings, files, total
