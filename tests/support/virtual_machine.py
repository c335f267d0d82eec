# SPDX-License-Identifier: Apache-2.0
"""A virtual machine whose first process is a program of ours, and whose power can be cut: QEMU
without KVM, a Debian kernel that has NVMe and ext4 built in, no other software."""
import functools
import os
import pathlib
import re
import select
import shutil
import stat
import subprocess
import tempfile
import time

import pytest

QEMU = "qemu-system-x86_64"
CACHE = pathlib.Path(os.environ.get("EVOKE_CLIENT_CACHE", "~/.cache/evoke-clients")).expanduser()


@functools.cache
def kernel():
    """The file of a cloud kernel: the installed one, or Debian's package, unpacked only."""
    installed = sorted(pathlib.Path("/boot").glob("vmlinuz-*-cloud-amd64"))
    if installed:
        return installed[-1]
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"],
                             capture_output=True, text=True, check=False).stdout
    name = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    if not name:
        pytest.skip("no linux-image-cloud-amd64 in the package lists: run apt-get update")
    kept = CACHE / name[1]
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _unpack(name[1], pathlib.Path(folder)).rename(kept)
    return kept


def _unpack(name, folder):
    got = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True,
                         check=False)
    if got.returncode != 0:
        pytest.skip(f"{name} cannot be had: {got.stderr[-300:]}")
    [package] = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "-x", package, folder / "files"], check=True)
    [image] = (folder / "files/boot").glob("vmlinuz-*")
    return image


def require():
    if not shutil.which(QEMU):
        pytest.skip(f"{QEMU} is not installed (tools/install-packages soak)")
    kernel()


class Archive:
    """What the kernel unpacks into memory and runs /init of: cpio, "newc"."""

    def __init__(self):
        self.bytes, self.names = bytearray(), set()

    def _add(self, name, mode, data=b"", device=(0, 0)):
        fields = [len(self.names) + 1, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0]
        self.bytes += b"070701" + b"".join(b"%08X" % field for field in fields)
        self.bytes += name.encode() + b"\0"
        self.bytes += b"\0" * (-len(self.bytes) % 4) + data
        self.bytes += b"\0" * (-len(self.bytes) % 4)
        self.names.add(name)

    def folder(self, name):
        if name not in self.names:
            if "/" in name:
                self.folder(name.rsplit("/", 1)[0])
            self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name, path):
        if name not in self.names:
            if "/" in name:
                self.folder(name.rsplit("/", 1)[0])
            self._add(name, stat.S_IFREG | 0o755, pathlib.Path(path).read_bytes())

    def program(self, name, path):
        """With the libraries it is linked with."""
        self.file(name, path)
        for library in re.findall(r"(/\S+) \(0x", subprocess.run(
                ["ldd", path], capture_output=True, text=True, check=True).stdout):
            self.file(library.lstrip("/"), library)

    def write(self, path):
        self.folder("dev")
        self._add("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))
        self._add("TRAILER!!!", 0)
        path.write_bytes(self.bytes)


def make_disk(path, megabytes):
    with open(path, "wb") as disk:
        disk.truncate(megabytes << 20)
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-F", path], check=True)


class Machine:
    """words: of the kernel's command line; NAME=VALUE is a variable of the first process."""

    def __init__(self, archive, disk, *words):
        self.process = subprocess.Popen(
            [QEMU, "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "512", "-nodefaults",
             "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", kernel(), "-initrd",
             archive, "-append", "console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check "
             "random.trust_cpu=on " + " ".join(words), "-drive",
             f"file={disk},if=none,id=disk,format=raw,cache=writeback", "-device",
             "nvme,drive=disk,serial=disk"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.rest = b""

    def lines(self, seconds):
        """Lines of the console, as they come, until then or until its end."""
        deadline, out = time.monotonic() + seconds, self.process.stdout.fileno()
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([out], [], [], left)[0]:
                return
            piece = os.read(out, 1 << 16)
            if not piece:
                return
            *whole, self.rest = (self.rest + piece).split(b"\n")
            yield from (line.decode(errors="replace").strip() for line in whole)

    def cut_power(self):
        """The lines that it had told still. A line that is not whole is none."""
        self.process.kill()
        self.process.wait()
        left = list(self.lines(5))
        self.process.stdout.close()
        return left
