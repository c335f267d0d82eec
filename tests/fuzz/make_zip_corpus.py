#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write the ZIP corpus: good-*.zip as real tools make them, bad-*.zip as nobody should.

    make_zip_corpus.py corpus/zip

The archives are kept in the tree, so this runs only when one is added. What each bad one
must be refused for stands in tests/unit/engine/zip_test.c.
"""
import io
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

UNIX = 3 << 8
FILE, EXECUTABLE, FOLDER, LINK = 0o100644, 0o100755, 0o040755, 0o120777


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


class Entry:
    """One entry. Keyword arguments replace fields: local_* in the local header, central_*
    in the central one, the plain name in both."""

    def __init__(self, name, data=b"hello", mode=FILE, method=8, packed=None, before=b"",
                 descriptor=0, descriptor_fields=None, at=None, **fields):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.data = data if isinstance(data, bytes) else data.encode()
        self.packed = packed if packed is not None else \
            deflate(self.data) if method == 8 else self.data
        self.before, self.at = before, at
        self.descriptor, self.descriptor_fields = descriptor, descriptor_fields
        self.fields = {
            "made_by": UNIX | 20, "version": 20, "flags": 0x800 | (8 if descriptor else 0),
            "method": method, "time": 0, "date": 0x21, "crc": zlib.crc32(self.data),
            "packed_size": len(self.packed), "size": len(self.data), "extra": b"",
            "comment": b"", "disk": 0, "internal": 0, "external": mode << 16,
            "name": self.name,
        }
        if descriptor:
            fields = {"local_crc": 0, "local_packed_size": 0, "local_size": 0, **fields}
        self.overrides = fields

    def get(self, where, field):
        return self.overrides.get(f"{where}_{field}",
                                  self.overrides.get(field, self.fields[field]))

    def local(self):
        g = lambda field: self.get("local", field)
        return struct.pack("<IHHHHHIIIHH", g_signature(self, "local", 0x04034b50), g("version"),
                           g("flags"), g("method"), g("time"), g("date"), g("crc"),
                           g("packed_size"), g("size"), len(g("name")), len(g("extra"))) \
            + g("name") + g("extra")

    def tail(self):
        crc, packed, size = self.descriptor_fields or (
            self.fields["crc"], self.fields["packed_size"], self.fields["size"])
        form = {0: "", 12: "III", 16: "III", 20: "IQQ", 24: "IQQ"}[self.descriptor]
        sign = b"PK\7\x08" if self.descriptor in (16, 24) else b""
        return sign + (struct.pack("<" + form, crc, packed, size) if form else b"")

    def central(self, offset):
        g = lambda field: self.get("central", field)
        return struct.pack("<IHHHHHHIIIHHHHHII", g_signature(self, "central", 0x02014b50),
                           g("made_by"), g("version"), g("flags"), g("method"), g("time"),
                           g("date"), g("crc"), g("packed_size"), g("size"), len(g("name")),
                           len(g("extra")), len(g("comment")), g("disk"), g("internal"),
                           g("external"), self.overrides.get("offset", offset)) \
            + g("name") + g("extra") + g("comment")


def g_signature(entry, where, usual):
    return entry.overrides.get(f"{where}_signature", usual)


def archive(*entries, before=b"", between=b"", after=b"", comment=b"", **end):
    out, offsets = bytearray(before), []
    for entry in entries:
        out += entry.before
        offsets.append(len(out) if entry.at is None else entry.at)
        if entry.at is None:
            out += entry.local() + entry.packed + entry.tail()
    out += between
    start = len(out)
    for entry, offset in zip(entries, offsets):
        out += entry.central(offset)
    values = {"disk": 0, "central_disk": 0, "here": len(entries), "count": len(entries),
              "size": len(out) - start, "offset": start, "comment_len": len(comment), **end}
    out += end.get("extra_before_end", b"")
    out += struct.pack("<IHHHHIIH", 0x06054b50, values["disk"], values["central_disk"],
                       values["here"], values["count"], values["size"], values["offset"],
                       values["comment_len"]) + comment + after
    return bytes(out)


def link(name, target):
    return Entry(name, target, mode=LINK, method=0)


def bad():
    one = lambda *args, **kwargs: archive(Entry("ok.txt"), Entry(*args, **kwargs))
    escapes = {
        "dotdot": "../evil", "dotdot-inside": "a/../../evil", "dotdot-harmless": "a/../b",
        "dotdot-end": "a/..", "dotdot-folder": "../", "dot": "./a", "dot-inside": "a/./b",
        "absolute": "/etc/evil", "double-slash": "//evil", "empty-part": "a//b",
        "backslash": "..\\evil", "backslash-inside": "a\\b", "drive": "C:evil",
        "drive-slash": "c:/evil", "unc": "\\\\host\\share", "nul": b"good.txt\0.sh",
        "nul-first": b"\0", "control": b"a\nb", "delete": b"a\x7fb", "not-utf8": b"\xff\xfe",
        "overlong-utf8": b"..\xc0\xafevil", "surrogate": b"\xed\xa0\x80",
        "long-part": "x" * 256, "long-name": "/".join(["x" * 200] * 6), "only-slash": "/",
        "deep": "/".join(["d"] * 66) + "/f", "no-name": "",
    }
    for key, name in escapes.items():
        yield f"name-{key}", one(name)
    targets = {
        "absolute": "/etc/passwd", "out": "../x", "out-inside": "a/../../x", "nul": b"a\0b",
        "backslash": "..\\x", "dots": "..", "out-of-name": "ok.txt/../../x",
    }
    for key, target in targets.items():
        yield f"link-{key}", archive(Entry("ok.txt"), link("l", target))
    yield "link-nested-out", archive(Entry("a/b/f"), link("a/b/l", "../../../x"))
    yield "link-through-link", archive(Entry("a/b/c/f"), link("a/b/c/x", "../../.."),
                                       link("y", "a/b/c/x/.."))
    yield "link-through-later-link", archive(Entry("a/b/c/f"), link("y", "a/b/c/x/.."),
                                             link("a/b/c/x", "../../.."))
    yield "link-then-write", archive(link("l", "a"), Entry("l/evil"))
    yield "write-then-link", archive(Entry("l/evil"), link("l", "a"))
    yield "link-then-file", archive(link("l", "a"), Entry("l"))
    yield "link-empty", archive(Entry("ok.txt"), link("l", ""))
    yield "link-long", archive(Entry("ok.txt"), link("l", "x/" * 600))
    yield "link-folder", one("l/", "", mode=LINK, method=0)
    for key, kind in {"fifo": 0o010644, "device": 0o020644, "block": 0o060644,
                      "socket": 0o140644}.items():
        yield f"kind-{key}", one("special", mode=kind)
    yield "kind-folder-by-mode", one("folder", mode=FOLDER)
    yield "kind-file-by-mode", one("folder/", "", mode=FILE, method=0)
    yield "folder-with-contents", one("folder/", "x", mode=FOLDER)
    yield "folder-hidden-contents", one("folder/", "x", mode=FOLDER, size=0, crc=0)
    yield "duplicate", archive(Entry("a"), Entry("a"))
    yield "duplicate-folder", archive(Entry("a/", "", FOLDER, 0), Entry("a/", "", FOLDER, 0))
    yield "file-then-below", archive(Entry("a"), Entry("a/b"))
    yield "below-then-file", archive(Entry("a/b"), Entry("a"))
    yield "file-and-folder", archive(Entry("a"), Entry("a/", "", FOLDER, 0))
    yield "folder-and-file", archive(Entry("a/", "", FOLDER, 0), Entry("a"))

    yield "local-name", one("a", local_name=b"b")
    yield "local-name-longer", one("a", local_name=b"aa")
    yield "local-size", one("a", local_size=6)
    yield "local-packed-size", one("a", local_packed_size=6)
    yield "local-crc", one("a", local_crc=1)
    yield "local-method", one("a", local_method=0)
    yield "local-flags", one("a", local_flags=0)
    yield "local-descriptor-flag", one("a", local_flags=0x808)
    yield "local-signature", one("a", local_signature=0x04034b51)
    yield "local-extra-damaged", one("a", local_extra=b"\1\0\xff\0x")
    yield "central-extra-damaged", one("a", central_extra=b"\1\0\xff\0x")
    yield "central-extra-short", one("a", central_extra=b"\1\0")
    yield "central-signature", one("a", central_signature=0x02014b51)
    yield "central-disk", one("a", central_disk=1)
    yield "size-more", one("a", size=6)
    yield "size-less", one("a", size=4)
    yield "crc-wrong", one("a", crc=1)
    yield "stored-two-sizes", one("a", "hello", method=0, size=4)
    yield "packed-garbage", one("a", packed=b"\xff\xff\xff\xff")
    yield "packed-cut", one("a", "hello hello hello", packed=deflate(b"hello hello hello")[:-3])
    yield "packed-more", one("a", packed=deflate(b"hello") + b"xx")
    yield "encrypted", one("a", flags=0x801)
    yield "strong-encryption", one("a", flags=0x840)
    yield "masked-headers", one("a", flags=0x2800)
    yield "patched", one("a", flags=0x820)
    yield "aes", one("a", method=99, packed=b"hello")
    for key, method in {"deflate64": 9, "bzip2": 12, "lzma": 14, "zstd": 93}.items():
        yield f"method-{key}", one("a", method=method, packed=b"hello")
    yield "descriptor-crc", one("a", descriptor=16, descriptor_fields=(1, 7, 5))
    yield "descriptor-size", one("a", descriptor=12,
                                 descriptor_fields=(zlib.crc32(b"hello"), 7, 6))
    yield "descriptor-missing", one("a", flags=0x808)
    yield "descriptor-lie", one("a", descriptor=16, local_size=4)
    yield "unicode-name", one("a", central_extra=struct.pack("<HHBI", 0x7075, 6, 1,
                                                             zlib.crc32(b"a")) + b"b")

    yield "overlap-same", archive(Entry("a"), Entry("b", at=0))
    yield "overlap-content", archive(
        Entry("a", archive(Entry("b"))[:40], method=0), Entry("b", at=31))
    yield "overlap-directory", one("a", packed_size=60, size=60, method=0)
    yield "gap", archive(Entry("a"), Entry("b", before=b"gap"))
    yield "gap-hidden-entry", archive(Entry("a"), Entry("b", before=Entry("c").local()))
    yield "gap-before-directory", archive(Entry("a"), between=b"gap")
    yield "outside", one("a", offset=100000)
    yield "outside-wrap", one("a", offset=0xfffffff0)
    yield "leading-garbage", archive(Entry("a"), before=b"#!/bin/sh\n")
    yield "leading-garbage-shifted", b"#!/bin/sh\n" + archive(Entry("a"))
    yield "trailing-garbage", archive(Entry("a"), after=b"x")
    yield "trailing-newline", archive(Entry("a"), after=b"\n")
    yield "trailing-archive", archive(Entry("a")) + archive(Entry("b"))
    yield "comment-is-archive", archive(Entry("a"), comment=archive(Entry("b")))
    yield "comment-has-signature", archive(Entry("a"), comment=b"PK\5\6 and more than that......")
    yield "comment-longer", archive(Entry("a"), comment_len=1)
    inner = archive(Entry("b"))
    yield "end-twice", archive(Entry("a"), comment_len=22) + archive(Entry("b"))[-22:]
    yield "end-claims-end", archive(Entry("a"), comment_len=len(inner), after=inner)
    yield "end-count-less", archive(Entry("a"), Entry("b"), here=1, count=1)
    yield "end-count-more", archive(Entry("a"), here=2, count=2)
    yield "end-counts-differ", archive(Entry("a"), here=1, count=2)
    yield "end-disk", archive(Entry("a"), disk=1)
    yield "end-central-disk", archive(Entry("a"), central_disk=1)
    yield "end-size-more", archive(Entry("a"), size=1000)
    yield "end-size-less", archive(Entry("a"), size=46)
    yield "end-offset", archive(Entry("a"), offset=0)
    yield "end-offset-far", archive(Entry("a"), offset=0xffffffff, size=0xffffffff)
    yield "end-bytes-before", archive(Entry("a"), extra_before_end=b"PK\5\5\0\0")
    yield "end-65535-entries", archive(Entry("a"), here=0xffff, count=0xffff)

    zip64 = lambda *values: struct.pack("<HH", 1, 8 * len(values)) + \
        struct.pack(f"<{len(values)}Q", *values)
    ones = 0xffffffff
    yield "zip64-huge", one("a", central_size=ones, central_extra=zip64(1 << 63))
    yield "zip64-size-lie", one("a", central_size=ones, central_extra=zip64(6))
    yield "zip64-offset-wrap", one("a", offset=ones,
                                   central_extra=zip64(0xffffffffffffffff))
    yield "zip64-short", one("a", central_size=ones, central_extra=b"\1\0\4\0\5\0\0\0")
    yield "zip64-extra-unused", one("a", central_extra=zip64(5))
    yield "zip64-twice", one("a", central_size=ones, central_extra=zip64(5) + zip64(5))
    yield "zip64-local-lie", one("a", local_extra=zip64(6, 7))
    yield "zip64-missing", one("a", central_size=ones)
    end64 = struct.pack("<IQHHIIQQQQ", 0x06064b50, 44, 45, 45, 0, 0, 1 << 32, 1 << 32, 0, 0)
    locator = struct.pack("<IIQI", 0x07064b50, 0, 0, 1)
    yield "zip64-end-many", archive(Entry("a"), here=0xffff, count=0xffff, size=ones,
                                    offset=ones, extra_before_end=end64 + locator)
    yield "zip64-end-plain", archive(Entry("a"), extra_before_end=end64 + locator)

    yield "kind-stdin", one("-", mode=0o010600, descriptor=24)  # Info-ZIP: "... | zip a.zip -"
    yield "empty", archive()
    yield "no-bytes", b""
    yield "text", b"PK is not enough\n"
    yield "gzip", b"\x1f\x8b\x08" + bytes(100)
    yield "lone-local", Entry("a").local() + Entry("a").packed
    yield "manifest-broken", archive(Entry("function.yaml", "memory: lots\n"))
    yield "manifest-link", archive(Entry("f"), link("function.yaml", "f"))
    yield "manifest-folder", archive(Entry("function.yaml/", "", FOLDER, 0))
    yield "manifest-large", archive(Entry("function.yaml", "#" * 65537, method=0))


def made_by_hand():
    yield "go", archive(
        Entry("bootstrap", "#!/bin/sh\n", EXECUTABLE, descriptor=16),
        Entry("data/", "", FOLDER, 0), Entry("data/x", "stored", method=0, descriptor=16))
    yield "descriptor-forms", archive(*(
        Entry(f"d{size}", "hello", descriptor=size) for size in (12, 16, 20, 24)))
    yield "java", archive(
        Entry("META-INF/", "", 0, 8, descriptor=16, made_by=20, external=0, extra=b"\xfe\xca\0\0"),
        Entry("META-INF/MANIFEST.MF", "x", 0, descriptor=16, made_by=20, external=0))
    yield "windows", archive(Entry("folder/", "", 0, 0, made_by=20, external=0x10),
                             Entry("folder/app.py", "pass\n", made_by=20, external=0x20))
    yield "comment", archive(Entry("a"), comment=b"made by hand")
    yield "nested", archive(Entry("inner.zip", archive(Entry("b")), method=0))
    yield "nested-at-end", archive(Entry("a"), Entry("inner.zip", archive(Entry("b")), method=0))
    yield "links", archive(
        Entry("lib/libx.so.1.2", "elf"), link("lib/libx.so.1", "libx.so.1.2"),
        link("lib/libx.so", "./libx.so.1"), link("current", "lib"), link("up/here", "../lib/.."),
        link("lib/self", ".."), link("dangling", "lib/none"), link("a/b/c", "../../lib//libx.so"))
    yield "modes", archive(
        Entry("setuid", mode=0o104755), Entry("closed", mode=0o100000), Entry("none", mode=0),
        Entry("group", mode=0o100670), Entry("world", mode=0o100666),
        Entry("folder/", "", 0o040700, 0))
    yield "deep", archive(Entry("/".join(["d"] * 64) + "/f"))
    yield "unsorted", archive(Entry("z/y/x"), Entry("z/", "", FOLDER, 0), Entry("a"), Entry("z/y/", "", FOLDER, 0))
    yield "unicode", archive(Entry("gr\u00fc\u00df/\u6587.txt"))
    yield "zip64-fields", archive(Entry(
        "a", central_size=0xffffffff, central_extra=struct.pack("<HHQ", 1, 8, 5),
        local_size=0xffffffff, local_packed_size=0xffffffff,
        local_extra=struct.pack("<HHQQ", 1, 16, 5, 7)))
    yield "manifest", archive(Entry("function.yaml", "handler: app.handler\nmemory: 256\n"),
                              Entry("app.py", "def handler(e, c): return e\n"))


class Unseekable(io.RawIOBase):
    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, piece):
        self.bytes += piece
        return len(piece)


def python_archive(out, **options):
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        info = zipfile.ZipInfo("bin/run", (2024, 1, 1, 0, 0, 0))
        info.external_attr = EXECUTABLE << 16
        with made.open(info, "w", **options) as member:
            member.write(b"#!/bin/sh\necho hello\n")
        info = zipfile.ZipInfo("app.py", (2024, 1, 1, 0, 0, 0))
        made.writestr(info, "def handler(event, context):\n    return event\n")
        info = zipfile.ZipInfo("empty/", (2024, 1, 1, 0, 0, 0))
        info.external_attr = FOLDER << 16 | 0x10
        made.writestr(info, "")


def made_by_python():
    plain = io.BytesIO()
    python_archive(plain)
    yield "python", plain.getvalue()
    plain = io.BytesIO()
    python_archive(plain, force_zip64=True)
    yield "python-zip64", plain.getvalue()
    stream = Unseekable()
    python_archive(stream)
    yield "python-stream", bytes(stream.bytes)
    stream = Unseekable()
    python_archive(stream, force_zip64=True)
    yield "python-stream-zip64", bytes(stream.bytes)


def made_by_info_zip():
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "bin").mkdir()
    (folder / "bin/run").write_text("#!/bin/sh\necho hello hello hello hello hello\n")
    (folder / "bin/run").chmod(0o755)
    (folder / "app.py").write_text("pass\n")
    (folder / "link").symlink_to("bin/run")
    (folder / "gr\u00fc\u00df.txt").write_text("x")
    run = lambda command: subprocess.run(command, shell=True, cwd=folder, check=True,
                                         capture_output=True).stdout
    run("zip -q -y -r ../$$.zip . && mv ../$$.zip made.zip")
    yield "info-zip", (folder / "made.zip").read_bytes()
    (folder / "made.zip").unlink()
    yield "info-zip-piped", run("zip -q - bin/run | cat")
    shutil.rmtree(folder)


def main(target):
    target.mkdir(parents=True, exist_ok=True)
    for name, content in bad():
        (target / f"bad-{name}.zip").write_bytes(content)
    makers = [made_by_hand, made_by_python] + [made_by_info_zip] * bool(shutil.which("zip"))
    for maker in makers:
        for name, content in maker():
            (target / f"good-{name}.zip").write_bytes(content)


if __name__ == "__main__":
    os.umask(0o022)
    main(pathlib.Path(sys.argv[1]))
