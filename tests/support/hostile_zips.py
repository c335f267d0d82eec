# SPDX-License-Identifier: Apache-2.0
"""ZIP bombs: small to send, dear to unpack."""
import pathlib
import struct
import sys
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fuzz"))
from make_zip_corpus import Entry, archive, deflate  # noqa: E402

MB = 1 << 20


def flat(size):
    """One entry of nothing but zeros, near deflate's best ratio of 1 : 1032."""
    return archive(Entry("zeros", bytes(size)))


def liar(size):
    """The headers say 5 bytes; the contents unpack to size."""
    return archive(Entry("small", b"hello", packed=deflate(bytes(size))))


def sum_of_entries(count, each):
    """No entry breaks a limit, all together do."""
    packed = deflate(bytes(each))
    crc = zlib.crc32(bytes(each))
    return archive(*(Entry(f"e{n}", b"", packed=packed, size=each, crc=crc) for n in range(count)))


def overlap(count, kernel):
    """Every entry's contents begin with the local headers of those after it, quoted as stored
    blocks, and end with one kernel that all share (David Fifield's construction)."""
    packed = deflate(bytes(kernel))
    parts, crc, size, tail = [], zlib.crc32(bytes(kernel)), kernel, len(packed)
    for n in reversed(range(count)):
        entry = Entry(f"{n:05}", b"", packed=packed, crc=crc, size=size, packed_size=tail)
        parts.append(entry)
        header = entry.local()
        quote = struct.pack("<BHH", 0, len(header), len(header) ^ 0xffff)
        entry.quoted = quote + header
        tail, size = tail + len(entry.quoted), size + len(header)
    out, offsets = b"", []
    for position, entry in enumerate(reversed(parts)):
        offsets.append(len(out) + (5 if position else 0))
        out += entry.quoted if position else entry.local()
    body = out + packed
    entries = list(reversed(parts))
    directory = b"".join(e.central(o) for e, o in zip(entries, offsets))
    return body + directory + struct.pack("<IHHHHIIH", 0x06054b50, 0, 0, count, count,
                                          len(directory), len(body), 0)


def same_contents(count, kernel):
    """All entries of the directory name one local entry."""
    first = Entry("k", bytes(kernel))
    return archive(first, *(Entry("k", b"", packed=first.packed, size=kernel, at=0,
                                  crc=zlib.crc32(bytes(kernel))) for _ in range(count)))


def many(count):
    """Inodes instead of bytes."""
    return archive(*(Entry(f"{n}", b"", method=0) for n in range(count)))


def deep(count):
    """Few entries that make many folders."""
    return archive(*(Entry("/".join([f"{n:x}"] * 60) + "/f", b"", method=0) for n in range(count)))


BOMBS = {
    "flat-240mb": lambda: flat(240 * MB), "flat-beyond-the-limit": lambda: flat(260 * MB),
    "liar-300mb": lambda: liar(300 * MB), "sum-400mb": lambda: sum_of_entries(400, MB),
    "overlap": lambda: overlap(250, 4 * MB), "same-contents": lambda: same_contents(250, 4 * MB),
    "21000-entries": lambda: many(21000), "30000-folders": lambda: deep(500),
}
