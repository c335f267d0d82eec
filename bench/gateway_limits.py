# SPDX-License-Identifier: Apache-2.0
"""How exact a limit is that two shards share: what passes of many times more than may, against
burst + rate * time; of one connection, which one shard serves, and of 64, which both do."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

import peers

RATE, BURST, SECONDS = 1000, 500, 5
SOURCE = r'''
#include "evoke.h"
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond(context, "\"ok\"");
}
int main(void)
{
    return evoke_run(handler, NULL);
}
'''


def passed(url, connections):
    """(requests let through, of all, within how many seconds)"""
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", url],
                         capture_output=True, text=True, check=True).stdout
    total, seconds = re.search(r"(\d+) requests in ([\d.]+)s", out).groups()
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if not refused or "Socket errors" in out:
        raise SystemExit(out)
    return int(total) - int(refused[1]), int(total), float(seconds)


def show(connections, outcome):
    let, total, seconds = outcome
    ratio = let / (BURST + RATE * seconds)
    print(f"A limit over two shards, {connections} connection{'s' * (connections > 1)}: {ratio:.3f} of what may "
          f"pass  ({let:,} of {total:,} in {seconds} s)  goal within 5 %: "
          f"{'met' if abs(ratio - 1) <= 0.05 else 'MISSED'}", flush=True)


folder = tempfile.mkdtemp(prefix="evoke-bench-")
daemon = peers.Daemon(pathlib.Path(folder) / "data", "--shards", "2")
try:
    daemon.start()
    for connections in (1, 64):
        name = f"limited{connections}"
        limits = {"rate": RATE, "burst": BURST}
        daemon.create(name, {"bootstrap": (peers.c_function(SOURCE), 0o755), "function.yaml": json.dumps(
            {"http": {"routes": [f"GET /{name}"], "limits": limits}})},
            runtime="provided.al2023", handler="bootstrap")
        show(connections, passed(f"{daemon.gateway}/{name}", connections))
finally:
    daemon.stop()
    shutil.rmtree(folder, ignore_errors=True)
