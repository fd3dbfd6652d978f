"""A look into a running process's memory, as root may have it."""

import hashlib
import os
import struct
from dataclasses import dataclass

from canaries import Finding, search

PAGE = os.sysconf("SC_PAGE_SIZE")
PRESENT = 0b11 << 62
#: Records of these lengths are looked at for one digit each, as tables of structures would have them.
STRIDES = (2, 4, 8, 12, 16, 24, 32, 40, 48, 64)
#: So much at a time stays in the processor's cache.
BLOCK = 1 << 17


@dataclass(frozen=True)
class Area:
    """A run of pages that are really there."""

    name: str
    start: int
    content: bytes
    #: Pages of a file that cannot be written hold what the file holds: they are not searched.
    is_file: bool


def mappings(pid):
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            fields = line.split(maxsplit=5)
            start, end = (int(part, 16) for part in fields[0].split("-"))
            name = fields[5].strip() if len(fields) > 5 else "anonymous"
            if fields[1].startswith("r") and name not in ("[vvar]", "[vsyscall]"):
                is_file = fields[4] != "0" and "w" not in fields[1]
                yield start, end, name, is_file


def snapshot(pid):
    """Every readable page of the process that is in memory or swapped out. Raises OSError when it may not be read."""
    areas = []
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    pages = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
    try:
        for start, end, name, is_file in mappings(pid):
            count = (end - start) // PAGE
            entries = os.pread(pages, count * 8, start // PAGE * 8)
            present = [bool(entry & PRESENT) for (entry,) in struct.iter_unpack("<Q", entries)]
            first = 0
            while first < len(present):
                if not present[first]:
                    first += 1
                    continue
                last = first
                while last < len(present) and present[last]:
                    last += 1
                content = _read(memory, start + first * PAGE, (last - first) * PAGE)
                if content:
                    areas.append(Area(name, start + first * PAGE, content, is_file))
                first = last
    finally:
        os.close(memory)
        os.close(pages)
    return areas


def fingerprint(areas):
    """What each page held: a search after a call can leave out what has not changed since before it."""
    return {
        area.start + offset: hashlib.blake2b(area.content[offset:offset + PAGE], digest_size=16).digest()
        for area in areas if not area.is_file for offset in range(0, len(area.content), PAGE)
    }


def changed(areas, before):
    """The pages that hold something else than `before` (a fingerprint), each with its neighbours."""
    parts = []
    for area in areas:
        if area.is_file:
            continue
        pages = range(0, len(area.content), PAGE)
        is_changed = [
            before.get(area.start + offset) != hashlib.blake2b(area.content[offset:offset + PAGE], digest_size=16).digest()
            for offset in pages
        ]
        wanted = [any(is_changed[max(0, index - 1):index + 2]) for index in range(len(is_changed))]
        first = 0
        while first < len(wanted):
            last = first
            while last < len(wanted) and wanted[last]:
                last += 1
            if last > first:
                parts.append(Area(area.name, area.start + first * PAGE, area.content[first * PAGE:last * PAGE], False))
            first = last + 1
    return parts


def _read(memory, address, length):
    parts = []
    while length > 0:
        try:
            part = os.pread(memory, min(length, 1 << 24), address)
        except OSError:
            # A mapping that went away meanwhile.
            break
        if not part:
            break
        parts.append(part)
        address, length = address + len(part), length - len(part)
    return b"".join(parts)


def size(areas):
    return sum(len(area.content) for area in areas if not area.is_file)


def _blocks(areas, overlap):
    """What the process may have written, in pieces that stay in the processor's cache."""
    for area in areas:
        if area.is_file:
            continue
        for start in range(0, len(area.content), BLOCK):
            block = area.content[start:start + BLOCK + overlap]
            if block.count(block[0]) < len(block):
                yield area, start, block


def search_memory(areas, needles):
    overlap = max(len(needle.value) for needle in needles) - 1
    findings = []
    for area, start, block in _blocks(areas, overlap):
        findings += search(f"memory: {area.name}", block, needles, at=area.start + start)
    return findings


def search_strided(areas, number, needle):
    """The digits of a number with something else between them, as in an array of structures."""
    values = [bytes(int(digit) for digit in number[:12]), number[:12].encode()]
    findings = []
    for area, start, block in _blocks(areas, 12 * STRIDES[-1]):
        for stride in STRIDES:
            for phase in range(stride):
                row = block[phase::stride]
                for value in values:
                    offset = row.find(value)
                    if offset >= 0:
                        where = f"memory: {area.name}, one every {stride} bytes"
                        findings.append(Finding(where, area.start + start + phase + offset * stride, needle))
    return findings


def surroundings(areas, finding, before=48, after=80):
    """What lies around a finding, in hex, for whoever has to mend it."""
    for area in areas:
        if area.start <= finding.offset < area.start + len(area.content):
            at = finding.offset - area.start
            content = area.content[max(0, at - before):at + after]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in content)
            return f"{area.start:#x}+{len(area.content):#x} {area.name}\n  {content.hex(' ', 4)}\n  {text}"
    return ""
