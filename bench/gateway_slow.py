# SPDX-License-Identifier: Apache-2.0
"""What good clients feel of 2,000 that are as slow as they can be (slowhttptest): the p99 of
calls to a C function over its URL on four connections, against alone; and how much of its core
the daemon spends on the slow ones.

The attacker has to share the good clients' core, and once it has its connections it asks for all
of them in a busy loop, in system calls that the kernel does not interrupt: a good client that
wakes up then waits for it, and not for the server. So from then on it gets what they leave of the
core, at most a twentieth of it, which is several times what it needs to send and read. What is left
of its part is told by the same attacks once more, by slow_client.py, which does not ask."""
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.parse

import peers
from evoke_daemon import wait_until

COUNT, GOAL = 2000, 2
SOURCE = r'''
#include <stdlib.h>
#include <string.h>
#include "evoke.h"
static char answer[250001];
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond(context, strstr(event, "/big") ? answer : "\"ok\"");
}
int main(void)
{
    memset(answer, 'x', 250000);
    answer[0] = answer[249999] = '"';
    return evoke_run(handler, NULL);
}
'''
RANGES = "ranges (-R)"
MODES = {
    "heads (-H)": ["-H", "-i", "2"],
    "bodies (-B)": ["-B", "-i", "2", "-s", "8192"],
    RANGES: ["-R", "-b", "3000"],
    "reads (-X)": ["-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "50"],
}
QUOTA_US, PERIOD_US = 1000, 20000


def p99_us(url):
    out = subprocess.run(["taskset", "-c", peers.LOAD_CORE, "wrk", "-t1", "-c4", f"-d{peers.SECONDS}s",
                          "--latency", url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def connections(daemon):
    """Of clients, as the kernel counts them."""
    port = int(daemon.gateway.rsplit(":", 1)[1])
    return len(re.findall(rf"^ *\d+: \w+:{port:04X} \S+ 01 ", pathlib.Path("/proc/net/tcp").read_text(), re.M))


def cpu_percent(daemon, seconds):
    """Of its core."""
    def used_ns():
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir())
    before, began = used_ns(), time.monotonic()
    time.sleep(seconds)
    return (used_ns() - before) / (time.monotonic() - began) / 1e7


CGROUPS = pathlib.Path("/sys/fs/cgroup")
FOLDER = (CGROUPS / "cpu" if (CGROUPS / "cpu").is_dir() else CGROUPS) / "evoke-bench"


def hold_back(pid):
    """The least of the core, and seldom: in the idle class, with a quota."""
    folder = FOLDER
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    folder.mkdir(exist_ok=True)
    if (folder / "cpu.max").exists():
        (folder / "cpu.max").write_text(f"{QUOTA_US} {PERIOD_US}")
    else:
        (folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (folder / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
    (folder / "cgroup.procs").write_text(str(pid))


def beside(daemon, good, url, name):
    """(p99, the daemon's share of its core when nobody else asks) while that attack has all its
    connections. Ranges are turned away at once, and are asked for again and again: there is no
    share of them, and the attacker is not held back."""
    attack = subprocess.Popen(["taskset", "-c", peers.LOAD_CORE, "slowhttptest", *MODES[name],
                               "-c", str(COUNT), "-r", "1000", "-l", "60", "-u", url], stdout=subprocess.DEVNULL)
    share = 0
    if name != RANGES:
        wait_until(lambda: connections(daemon) > COUNT * 0.99 or attack.poll() is not None, "the attack")
        share = cpu_percent(daemon, 2)
        hold_back(attack.pid)
    took = p99_us(good)
    if name != RANGES and connections(daemon) < COUNT * 0.99:
        raise SystemExit(f"the attack by {name} lost its connections")
    attack.kill()
    attack.wait()
    wait_until(lambda: connections(daemon) == 0, "its end")
    return took, share


LIGHT = {"heads (-H)": "heads", "bodies (-B)": "bodies", "reads (-X)": "reads"}


def beside_light(daemon, good, url, name):
    """The p99 beside the same attack by a client that needs next to nothing of the core."""
    to = urllib.parse.urlsplit(url)
    command = ["taskset", "-c", peers.LOAD_CORE, sys.executable, str(peers.HERE / "slow_client.py"), LIGHT[name],
               to.hostname, str(to.port), to.path, str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attack:
        try:
            assert attack.stdout.readline()
            cpu_percent(daemon, 2)  # until what they asked for has run
            took = p99_us(good)
            if connections(daemon) < COUNT * 0.99:
                raise SystemExit(f"the light attack by {name} lost its connections")
        finally:
            attack.kill()
    wait_until(lambda: connections(daemon) == 0, "its end")
    return took


def main():
    with peers.evoke("--concurrency", str(2 * COUNT)) as daemon:
        code = {"bootstrap": (peers.c_function(SOURCE), 0o755)}
        for name in ("good", "slow"):
            daemon.create(name, code, runtime="provided.al2023", handler="bootstrap")
        good, slow = (daemon.gateway + daemon.open_url(name) for name in ("good", "slow"))
        p99_us(good)
        for name, options in MODES.items():
            url = slow + ("big" if "-X" in options else "")
            rounds = [(*beside(daemon, good, url, name), p99_us(good)) for _ in range(peers.ROUNDS)]
            p99, share, alone = (statistics.median(side) for side in zip(*rounds))
            peers.show(f"Good clients' p99 in us beside {COUNT:,} slow {name}",
                       statistics.median(a / b for a, _, b in rounds), (p99, alone), "alone", GOAL,
                       more_is_better=False)
            if name in LIGHT:
                rounds = [(beside_light(daemon, good, url, name), p99_us(good)) for _ in range(peers.ROUNDS)]
                peers.show("The same by slow_client.py", statistics.median(a / b for a, b in rounds),
                           [statistics.median(side) for side in zip(*rounds)], "alone", GOAL,
                           more_is_better=False)
            if share:
                peers.show_value("The daemon's share of its core for them", share, "%")
        if FOLDER.exists():
            FOLDER.rmdir()
        peers.show_value("The daemon at most", daemon.cost()["peak_bytes"] / (1 << 20), "MB")


if __name__ == "__main__":
    main()
