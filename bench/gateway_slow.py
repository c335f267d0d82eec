# SPDX-License-Identifier: Apache-2.0
"""What good clients feel of 2,000 that are as slow as they can be (slowhttptest), and of floods
of HTTP/2: the p99 of calls to a C function over its URL on four connections, against alone."""
import pathlib
import re
import statistics
import subprocess

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
MODES = {
    "heads (-H)": ["-H", "-i", "2"],
    "bodies (-B)": ["-B", "-i", "2", "-s", "8192"],
    "ranges (-R)": ["-R", "-b", "3000"],
    "reads (-X)": ["-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "50"],
}


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


def beside(daemon, good, slow, options):
    """The same while that attack lasts: from when it has all its connections, or for attacks
    that are turned away at once, from its start."""
    # The good clients share its core: what they wait for that is not the server's doing.
    command = ["chrt", "--idle", "0", "taskset", "-c", peers.LOAD_CORE, "slowhttptest", *options,
               "-c", str(COUNT), "-r", "500", "-l", "60", "-u", slow]
    attack = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    wait_until(lambda: connections(daemon) > COUNT * 0.9 or "-R" in options or attack.poll() is not None,
               "the attack")
    took = p99_us(good)
    attack.terminate()
    attack.wait()
    wait_until(lambda: connections(daemon) == 0, "its end")
    return took


with peers.evoke("--concurrency", str(2 * COUNT)) as daemon:
    code = {"bootstrap": (peers.c_function(SOURCE), 0o755)}
    for name in ("good", "slow"):
        daemon.create(name, code, runtime="provided.al2023", handler="bootstrap")
    good, slow = (daemon.gateway + daemon.open_url(name) for name in ("good", "slow"))
    p99_us(good)
    for name, options in MODES.items():
        url = slow + ("big" if "-X" in options else "")
        rounds = [(beside(daemon, good, url, options), p99_us(good)) for _ in range(peers.ROUNDS)]
        peers.show(f"Good clients' p99 in us beside {COUNT:,} slow {name}",
                   statistics.median(a / b for a, b in rounds),
                   [statistics.median(side) for side in zip(*rounds)], "alone", GOAL, more_is_better=False)
    peers.show_value("The daemon at most", daemon.cost()["peak_bytes"] / (1 << 20), "MB")
