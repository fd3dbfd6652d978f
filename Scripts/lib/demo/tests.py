"""Tests of the proofs themselves: a search that cannot find is worth nothing.

    /usr/bin/python3 -B Scripts/lib/demo/tests.py
"""

import array
import base64
import math
import os
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import canaries
import memory
import proofs
import sound
from microphone import RATE, Piece, Segment, Utterance, in_words

NUMBER = "4539148803436467"
SPOKEN = "four five three nine um one four eight eight zero three four three six four six one no wait six four six seven".split()
KEY = "YARJLctyxuGNayR4b650DBmCAXKZb3IWTile09H9"


def finds(needles, content):
    return bool(list(canaries.search("here", content, needles)))


class Canaries(unittest.TestCase):
    needles = canaries.number_needles(NUMBER, SPOKEN)

    def test_every_form_of_the_number_is_found(self):
        groups = [NUMBER[start:start + 4] for start in range(0, 16, 4)]
        for text in (
            NUMBER, " ".join(groups), "-".join(groups), ".".join(groups), " ".join(NUMBER), "-".join(NUMBER), ", ".join(NUMBER),
            NUMBER[::-1], NUMBER.encode().hex(), in_words(NUMBER), in_words(NUMBER).upper(), in_words(NUMBER).title(),
            in_words(NUMBER).replace(" ", "-"), " ".join(SPOKEN), NUMBER[:9], NUMBER[5:14], NUMBER[-9:],
        ):
            with self.subTest(text):
                self.assertTrue(finds(self.needles, b"before" + text.encode() + b"after"))
                self.assertFalse(finds(self.needles, b"before" + text[:6].encode() + b"after"))

    def test_wide_and_binary_forms_are_found(self):
        values = [int(digit) for digit in NUMBER]
        for content in (
            NUMBER.encode("utf-16-le"), NUMBER.encode("utf-16-be"), NUMBER.encode("utf-32-le"), in_words(NUMBER).encode("utf-16-le"),
            bytes(values), b"".join(value.to_bytes(8, "little") for value in values), int(NUMBER).to_bytes(8, "little"),
            bytes.fromhex(NUMBER),
        ):
            self.assertTrue(finds(self.needles, b"\1\2" + content + b"\3"))

    def test_base64_is_found_wherever_it_begins(self):
        for before in range(7):
            for after in range(4):
                for value in (NUMBER.encode(), in_words(NUMBER).encode()):
                    self.assertTrue(finds(self.needles, base64.b64encode(os.urandom(before) + value + os.urandom(after))))

    def test_keys_are_found_in_any_dress(self):
        needles = canaries.key_needles([("AES_CM_128_HMAC_SHA1_80", KEY)])
        raw = base64.b64decode(KEY)
        for content in (KEY.encode(), raw, raw[:16], raw[16:], raw.hex().encode(), raw[:16].hex().upper().encode(), raw[:16][::-1]):
            self.assertTrue(finds(needles, b"--" + content + b"--"))

    def test_session_keys_are_those_of_rfc_3711_appendix_b_3(self):
        keys = canaries.session_keys(
            bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes.fromhex("0EC675AD498AFEEBB6960B3AABE6"), "AES_CM_128_HMAC_SHA1_80")
        self.assertEqual(keys["session key"].hex().upper(), "C61E7A93744F39EE10734AFE3FF7A087")
        self.assertEqual(keys["authentication key"].hex().upper(), "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")

    def test_ordinary_content_is_clean(self):
        self.assertFalse(finds(self.needles, b"four one one one, 1234 5678, [CARD], " + os.urandom(1 << 16)))


class Memory(unittest.TestCase):
    def test_what_this_process_holds_is_found_and_unchanged_pages_are_left_out(self):
        if os.geteuid() != 0:
            self.skipTest("only root may read page tables")
        before = memory.fingerprint(memory.snapshot(os.getpid()))
        secret = bytearray(b"".join(bytes([ord(digit)]) for digit in NUMBER))
        changed = memory.changed(memory.snapshot(os.getpid()), before)
        needle = canaries.Needle("card number", "digits", bytes(secret))
        self.assertTrue(memory.search_memory(changed, [needle]))
        self.assertLess(memory.size(changed), memory.size(memory.snapshot(os.getpid())))

    def test_digits_in_an_array_of_structures_are_found(self):
        needle = canaries.Needle("card number", "digits", b"")
        for stride in memory.STRIDES:
            content = bytearray(os.urandom(200_000))
            for index, digit in enumerate(NUMBER):
                content[130_001 + index * stride] = int(digit)
            area = memory.Area("heap", 0x1000, bytes(content), False)
            found = memory.search_strided([area], NUMBER, needle)
            self.assertIn(0x1000 + 130_001, [finding.offset for finding in found])


class Sound(unittest.TestCase):
    def noise(self, seconds, level=8_000, seed=1):
        generator = random.Random(seed)
        value, samples = 0.0, array.array("h")
        for index in range(int(seconds * RATE)):
            value = 0.8 * value + 0.2 * generator.uniform(-level, level)
            samples.append(int(value * (0.6 + 0.4 * math.sin(index / 900))))
        return samples

    def utterance(self):
        utterance = Utterance("test", [Piece("before"), Piece("secret", True), Piece("after")])
        for piece, seed in zip(utterance.pieces, (1, 2, 3)):
            start = len(utterance.samples)
            utterance.samples.extend(self.noise(1.2, seed=seed))
            utterance.segments.append(Segment(piece, start, len(utterance.samples)))
            utterance.samples.extend(array.array("h", bytes(3_200)))
        return utterance

    def line(self, utterance, at=3.217, masked=True):
        line = self.noise(2.0, seed=9) + array.array("h", bytes(2 * 8 * RATE))
        start = int(at * RATE)
        for index, sample in enumerate(utterance.samples):
            line[start + index] = sample // 2
        secret = utterance.segments[1]
        if masked:
            for index in range(secret.start + start, secret.end + start):
                line[index] = 0
        return line, start

    def test_the_place_is_found_and_a_mask_is_told_from_speech(self):
        utterance = self.utterance()
        for masked in (True, False):
            line, start = self.line(utterance, masked=masked)
            placement, verdict = proofs.open_words_are_there(utterance, line)
            self.assertTrue(verdict.holds, verdict.text)
            self.assertLess(abs(placement.start - start - utterance.segments[1].start), 16)
            self.assertEqual(proofs.secret_words_are_gone(line, placement).holds, masked)

    def test_a_gap_of_the_line_moves_the_place_and_breaks_nothing(self):
        utterance = self.utterance()
        line, start = self.line(utterance)
        behind = start + utterance.segments[2].start + RATE * 35 // 100
        line = line[:behind] + array.array("h", bytes(RATE // 4)) + line[behind:]
        placement, verdict = proofs.open_words_are_there(utterance, line)
        self.assertTrue(verdict.holds, verdict.text)
        self.assertTrue(proofs.secret_words_are_gone(line, placement).holds)

    def test_a_recording_of_something_else_is_no_proof(self):
        placement, verdict = proofs.open_words_are_there(self.utterance(), self.noise(8.0, seed=44))
        self.assertFalse(verdict.holds)

    def test_an_unmasked_fifth_of_a_second_breaks_the_proof(self):
        utterance = self.utterance()
        line, start = self.line(utterance)
        secret = utterance.segments[1]
        for index in range(secret.end - RATE // 5, secret.end):
            line[start + index] = utterance.samples[index]
        placement, _ = proofs.open_words_are_there(utterance, line)
        self.assertFalse(proofs.secret_words_are_gone(line, placement).holds)

    def test_a_tone_is_a_tone_and_speech_is_none(self):
        tone = array.array("h", (int(3_000 * math.sin(2 * math.pi * 440 * index / RATE)) for index in range(RATE // 2)))
        self.assertTrue(sound.is_tone(tone))
        self.assertFalse(sound.is_tone(self.noise(0.5)))

    def test_digits_in_common_keep_their_order(self):
        self.assertEqual(sound.common_digits("12345", "92041"), 2)
        self.assertEqual(sound.common_digits("", "92041"), 0)


if __name__ == "__main__":
    unittest.main()
