# SPDX-License-Identifier: Apache-2.0
"""Thousands of clients that send or read as slowly as they can (slowhttptest): they are closed,
and others are answered meanwhile. bench/gateway_slow.py says how quickly."""
import re
import subprocess
import threading

import pytest

import c_function
import evoke_daemon

COUNT = 2000
# Quick, because two thousand ask at once; more than the sockets' buffers hold.
SOURCE = """
#include <stdlib.h>
#include <string.h>
#include "evoke.h"
#define BYTES 1000000
static char *answer;
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond(context, strstr(event, "/big") ? answer : "\\"ok\\"");
}
int main(void)
{
    answer = calloc(BYTES + 1, 1);
    memset(answer, 'x', BYTES);
    answer[0] = answer[BYTES - 1] = '"';
    return evoke_run(handler, NULL);
}
"""
MODES = {
    "heads": ["-H", "-i", "5", "-r", "1000"],
    "bodies": ["-B", "-i", "5", "-s", "8192", "-r", "1000"],
    "ranges": ["-R", "-b", "3000", "-r", "1000"],
    # By 50 bytes a second. All calls at once would be a flood of calls, not slow clients.
    "reads": ["-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "50", "-r", "200"],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A daemon with a function for good clients and one for slow ones, whose calls do not use up
    the concurrency that both share."""
    daemon = evoke_daemon.Daemon(tmp_path_factory.mktemp("slow") / "data", "--concurrency", 2 * COUNT)
    daemon.start()
    code = {"bootstrap": (c_function.bootstrap(SOURCE), 0o755)}
    for name in ("good", "slow"):
        daemon.create(name, code, runtime="provided.al2023", handler="bootstrap")
        setattr(daemon, name, daemon.open_url(name))
    yield daemon
    daemon.stop()


class GoodClient(threading.Thread):
    """Asks on a connection of its own each time, until it is told to end."""

    def __init__(self, site):
        super().__init__()
        self.site, self.answers, self.ending = site, [], threading.Event()

    def run(self):
        while not self.ending.is_set():
            status, _, body = self.site.get(self.site.good)
            self.answers.append((status, body))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.join()


@pytest.mark.parametrize("mode", MODES)
def test_slow_clients_are_closed_and_others_answered(site, mode):
    target = site.slow + ("big" if mode == "reads" else "")
    with GoodClient(site) as good:
        done = subprocess.run(
            ["slowhttptest", *MODES[mode], "-c", str(COUNT), "-l", "90",
             "-u", site.gateway + target], capture_output=True, text=True, timeout=110, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert "Exit status: No open connections left" in said.replace("\t", " "), said[-2000:]
    if mode != "ranges":  # which are refused as soon as they come
        assert max(int(n) for n in re.findall(r"connected:\s+(\d+)", said)) > COUNT / 2, said[-2000:]
    assert set(good.answers) == {(200, b"ok")}
