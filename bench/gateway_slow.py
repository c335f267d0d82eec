# SPDX-License-Identifier: Apache-2.0
"""What good clients feel of 2,000 that are as slow as they can be (slowhttptest): the p99 of
calls to a C function over its URL on four connections, against alone; and how much of its core
the daemon spends on the slow ones.

The attacker has to share the good clients' core, and once it has its connections it asks for all
of them in a busy loop, in system calls that the kernel may not interrupt: a good client that
wakes up then waits for it, and not for the server. So from then on it gets little of the core,
seldom. What it takes from the good clients nevertheless is told by the same attack on another
daemon, which they do not ask anything."""
import os
import pathlib
import re
import statistics
import subprocess
import time

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
QUOTA_US, PERIOD_US = 2000, 1000000  # of short periods the kernel lets it have more: it looks at its ticks


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
    """(p99, the attacked daemon's share of its core when nobody else asks) while that attack
    has all its connections. Ranges are turned away at once, and are asked for again and again:
    there is no share of them, and the attacker is not held back."""
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


def deploy(daemon, *names):
    """The functions' URLs."""
    code = {"bootstrap": (peers.c_function(SOURCE), 0o755)}
    for name in names:
        daemon.create(name, code, runtime="provided.al2023", handler="bootstrap")
    return [daemon.gateway + daemon.open_url(name) for name in names]


def compare(name, rounds, to, side):
    peers.show(f"Good clients' p99 in us beside {COUNT:,} slow {name}",
               statistics.median(r[0] / r[to] for r in rounds),
               [statistics.median(r[k] for r in rounds) for k in (0, to)], side, GOAL, more_is_better=False)


def main():
    settings = ["--concurrency", str(2 * COUNT)]
    with peers.evoke(*settings) as daemon, peers.evoke(*settings) as other:
        good, slow = deploy(daemon, "good", "slow")
        [elsewhere] = deploy(other, "slow")
        p99_us(good)
        for name, options in MODES.items():
            path = "big" if "-X" in options else ""
            rounds = []
            for _ in range(peers.ROUNDS):
                here, share = beside(daemon, good, slow + path, name)
                rounds.append((here, p99_us(good), beside(other, good, elsewhere + path, name)[0], share))
            compare(name, rounds, 1, "alone")
            compare(name, rounds, 2, "the other daemon attacked")
            if name != RANGES:
                peers.show_value("The daemon's share of its core for them",
                                 statistics.median(r[3] for r in rounds), "%")
        if FOLDER.exists():
            FOLDER.rmdir()
        peers.show_value("The daemon at most", daemon.cost()["peak_bytes"] / (1 << 20), "MB")


if __name__ == "__main__":
    main()
