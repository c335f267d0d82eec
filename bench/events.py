# SPDX-License-Identifier: Apache-2.0
"""Events accepted durably: CloudEvents of 256 bytes posted to the gateway, each on disk before
its answer, against Redis XADD of the same bytes with appendfsync always; and the p50 of one
connection against this disk's fsync. Both servers on one core, the load on the other."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import peers

CONNECTIONS = 50
DATA = json.dumps({"filler": "x" * (256 - len('{"filler": ""}'))})
SCRIPT = f"""
wrk.method = "POST"
wrk.body = '{DATA}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["ce-specversion"] = "1.0"
wrk.headers["ce-id"] = "1"
wrk.headers["ce-source"] = "bench"
wrk.headers["ce-type"] = "placed"
"""


@contextlib.contextmanager
def redis():
    port = peers.free_port()
    with tempfile.TemporaryDirectory(prefix="evoke-redis-") as folder:
        command = ["redis-server", "--port", port, "--dir", folder, "--save", "", "--appendonly",
                   "yes", "--appendfsync", "always"]
        with peers.server(command, port):
            yield port


def xadd(port, connections):
    """XADDs a second, by redis-benchmark on the load's core."""
    out = subprocess.run(
        ["taskset", "-c", peers.LOAD_CORE, "redis-benchmark", "-p", str(port), "-c",
         str(connections), "-n", str(40000 if connections > 1 else 4000), "--csv", "XADD",
         "stream", "*", "data", DATA], capture_output=True, text=True, check=True).stdout
    return float(out.strip().splitlines()[-1].split('","')[1].strip('"'))


def fsync_us():
    """Median of an append of 256 bytes and an fsync."""
    with tempfile.TemporaryFile(dir=pathlib.Path(tempfile.gettempdir())) as file:
        times = []
        for _ in range(500):
            began = time.perf_counter()
            file.write(b"x" * 256)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


with peers.evoke() as daemon, redis() as port:
    events, sqs = daemon.boto("events"), daemon.boto("sqs")
    sqs.create_queue(QueueName="bench")
    events.put_permission(EventBusName="default", Action="events:PutEvents", Principal="*",
                          StatementId="everybody")
    events.put_rule(Name="bench", EventPattern='{"source": ["bench"]}')
    events.put_targets(Rule="bench", Targets=[
        {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:bench"}])
    script = pathlib.Path(tempfile.mkdtemp(prefix="evoke-wrk-")) / "post.lua"
    script.write_text(SCRIPT)
    url = daemon.gateway + "/events"
    rounds = []
    for _ in range(peers.ROUNDS):
        rounds.append((peers.wrk(url, CONNECTIONS, script)[0], xadd(port, CONNECTIONS)))
    ours, theirs = (statistics.median(side) for side in zip(*rounds))
    peers.show(f"durable events, {CONNECTIONS} connections: events/s",
               statistics.median(a / b for a, b in rounds), (ours, theirs), "redis XADD", 0.8, True)
    p50s = [(peers.wrk(url, 1, script)[1], fsync_us()) for _ in range(peers.ROUNDS)]
    peers.show("durable events, 1 connection: p50 us", statistics.median(a / b for a, b in p50s),
               [statistics.median(side) for side in zip(*p50s)], "one fsync", 2, False)
