# SPDX-License-Identifier: Apache-2.0
"""Events through to an executed C function: each is accepted on disk, given to the function and
deleted. Against the synchronous rate of the same function over its URL, in the same run.

Posted through the API with one signature. The clock stops when nothing waits any more, so a
backlog counts against the rate. BENCH_SECONDS=300 BENCH_ROUNDS=1 is the long run: the backlog
and the memory it prints must not grow.
"""
import datetime
import statistics
import tempfile
import threading
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import peers

SOURCE = r'''
#include "evoke.h"
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond(context, "{}");
}
int main(void)
{
    return evoke_run(handler, NULL);
}
'''
BODY = '{"id":"' + "x" * 240 + '"}'
CONNECTIONS = 50
SYNC_S = min(20, int(peers.SECONDS))


class Ahead(SigV4Auth):
    """Signs four minutes ahead of the clock: good for nine minutes, not for five."""

    def _modify_request_before_signing(self, request):
        now = datetime.datetime.now(datetime.timezone.utc)
        request.context["timestamp"] = f"{now + datetime.timedelta(minutes=4):%Y%m%dT%H%M%SZ}"
        super()._modify_request_before_signing(request)


def script(daemon, name, folder):
    """wrk's script that posts events."""
    url = f"{daemon.api}/2015-03-31/functions/{name}/invocations"
    request = AWSRequest("POST", url, data=BODY, headers={"X-Amz-Invocation-Type": "Event"})
    Ahead(Credentials(*daemon.keys()), "lambda", "us-east-1").add_auth(request)
    lines = ['wrk.method = "POST"', f"wrk.body = '{BODY}'"]
    lines += [f'wrk.headers["{key}"] = "{value}"' for key, value in request.headers.items()]
    path = f"{folder}/post.lua"
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines))
    return url, path


def measures(daemon):
    text = daemon.get("/metrics", "api")[2].decode()
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines()
            if line.startswith("evoke_")}


class Watch:
    """The most that waited at once, and the daemon's memory, while something runs."""

    def __init__(self, daemon):
        self.daemon, self.over, self.backlog, self.memory = daemon, threading.Event(), [], []
        self.thread = threading.Thread(target=self._look)

    def _look(self):
        while not self.over.wait(0.5):
            self.backlog.append(measures(self.daemon)["evoke_events"])
            self.memory.append(self.daemon.cost()["rss_bytes"])

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def through(daemon, url, path, seconds):
    """Events executed a second, from the first to the last."""
    before, began = measures(daemon), time.monotonic()
    peers.wrk(url, CONNECTIONS, path, seconds)
    while measures(daemon)["evoke_events"] > 0:
        time.sleep(0.01)
    took = time.monotonic() - began
    done = measures(daemon)["evoke_invocations_total"] - before["evoke_invocations_total"]
    return done / took


with peers.evoke() as daemon, tempfile.TemporaryDirectory() as folder:
    daemon.create("event", {"bootstrap": (peers.c_function(SOURCE), 0o755)},
                  runtime="provided.al2023", handler="bootstrap")
    sync_url = daemon.gateway + daemon.open_url("event")
    post = f"{folder}/sync.lua"
    with open(post, "w", encoding="utf-8") as out:
        out.write(f"wrk.method = \"POST\"\nwrk.body = '{BODY}'\n")
    url, path = script(daemon, "event", folder)
    peers.wrk(sync_url, CONNECTIONS, post, 2)
    through(daemon, url, path, 2)
    rounds = []
    with Watch(daemon) as watch:
        for _ in range(peers.ROUNDS):
            url, path = script(daemon, "event", folder)
            rounds.append((through(daemon, url, path, peers.SECONDS),
                           peers.wrk(sync_url, CONNECTIONS, post, SYNC_S)[0]))
    peers.show(f"C function by events, {CONNECTIONS} connections: executed/s",
               statistics.median(a / b for a, b in rounds),
               [statistics.median(side) for side in zip(*rounds)], "synchronous", 0.3, True)
    print(f"waiting at most {max(watch.backlog):,.0f} events; memory "
          f"{min(watch.memory) >> 20} to {max(watch.memory) >> 20} MB", flush=True)
