"""Tones that are sent, and what was heard of them."""

import math
import struct
import wave


def write_tone(path, frequency, seconds=60, rate=16_000, level=0.3):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        period = [int(level * 32_767 * math.sin(2 * math.pi * frequency * i / rate)) for i in range(rate)]
        second = struct.pack(f"<{rate}h", *period)
        for _ in range(seconds):
            file.writeframes(second)


def _samples(path):
    """The samples of a WAV file whose header may not be finished yet."""
    data = path.read_bytes() if path.exists() else b""
    if len(data) < 44 or data[:4] != b"RIFF":
        return 16_000, []
    rate = struct.unpack_from("<I", data, 24)[0]
    channels = struct.unpack_from("<H", data, 22)[0]
    start = data.find(b"data") + 8
    body = data[start:len(data) - (len(data) - start) % (2 * channels)]
    return rate, [pair[0] for pair in struct.iter_unpack(f"<{channels}h", body)]


def power(samples, rate, frequency):
    """The share of the samples' energy at this frequency, 0 to 1 (Goertzel)."""
    energy = sum(sample * sample for sample in samples)
    if energy == 0:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / rate)
    s1 = s2 = 0.0
    for sample in samples:
        s1, s2 = sample + coefficient * s1 - s2, s1
    return 2 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2) / (len(samples) * energy)


def seconds_heard(path, frequency, threshold=0.6, quietest=200):
    """How long the tone is heard, in pieces of 100 ms of which it makes up more than `threshold`."""
    rate, samples = _samples(path)
    piece = rate // 10
    heard = 0
    for start in range(0, len(samples) - piece + 1, piece):
        part = samples[start:start + piece]
        if max(map(abs, part)) > quietest and power(part, rate, frequency) > threshold:
            heard += 1
    return heard / 10
