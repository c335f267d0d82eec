# SPDX-License-Identifier: Apache-2.0
"""The power of a machine is cut while the event store writes: what was acknowledged is on the
disk afterwards. tests/tools/power_guest.c is what runs in the machine and says how it tells."""
import random

import pytest
from evoke_daemon import BUILD

import virtual_machine

pytestmark = pytest.mark.soak
BOOT_S = 120


class History:
    """What one disk must hold, by what was told on the console."""

    def __init__(self, folder, sync):
        virtual_machine.require()
        self.archive, self.disk, self.sync = folder / "archive", folder / "disk", sync
        archive = virtual_machine.Archive()
        archive.program("init", BUILD / "tests/tools/power_guest")
        archive.folder("disk")
        archive.write(self.archive)
        virtual_machine.make_disk(self.disk, 1024)
        self.put, self.deleted, self.first = set(), set(), 1

    def hear(self, line):
        if line.startswith("+"):
            self.put.add(int(line[1:]))
        elif line.startswith("-"):
            self.deleted.add(int(line[1:]))
        assert not line.startswith("broken"), line

    def start(self):
        # No number is used again, as one that was under way may be there or not.
        self.first += 100000
        return virtual_machine.Machine(self.archive, self.disk, f"first={self.first}",
                                       f"sync={self.sync}")

    def boot(self):
        """The machine, and the numbers that it found."""
        machine, found, seen = self.start(), set(), []
        for line in machine.lines(BOOT_S):
            seen.append(line)
            if line.startswith("found "):
                lowest, highest = map(int, line.split()[1:])
                found |= set(range(lowest, highest + 1, 2))
            if line == "ready":
                return machine, found
            if line.startswith("broken"):
                break
        machine.cut_power()
        raise AssertionError("the machine does not get ready:\n" + "\n".join(seen[-20:]))

    def write(self, machine, seconds):
        for line in machine.lines(seconds):
            self.hear(line)
        for line in machine.cut_power():
            self.hear(line)

    def cut_in_opening(self):
        machine = self.start()
        assert any(line == "opened" for line in machine.lines(BOOT_S))
        self.write(machine, 0)

    def lost(self, found):
        return {n for n in self.put if n % 2} - found


def test_20_power_cuts_lose_no_event(tmp_path):
    history, chance, cuts = History(tmp_path, "yes"), random.Random(3), 20
    for cut in range(cuts):
        if cut % 5 == 4:
            history.cut_in_opening()
            continue
        machine, found = history.boot()
        assert not history.lost(found) and not history.deleted & found
        history.write(machine, chance.uniform(0.2, 2.5))
    machine, found = history.boot()
    machine.cut_power()
    lost, back = history.lost(found), history.deleted & found
    print(f"{cuts} power cuts, {len(history.put)} events acknowledged, {len(history.deleted)} of "
          f"them deleted: {len(lost)} lost, {len(back)} back")
    assert len(history.put) > 1000 and not lost and not back


def test_without_syncs_a_power_cut_loses_events(tmp_path):
    """The control: the test above can fail."""
    history = History(tmp_path, "no")
    machine, _ = history.boot()
    history.write(machine, 2)
    assert len(history.put) > 100
    try:
        machine, found = history.boot()
        machine.cut_power()
    except AssertionError:
        found = set()  # not even the store's files are there as they should be
    lost = history.lost(found)
    print(f"control without syncs: {len(history.put)} events acknowledged, {len(lost)} lost")
    assert lost
