# SPDX-License-Identifier: Apache-2.0
"""Messages a second through a durable queue: sent, received and deleted in batches of ten,
signed requests of the JSON protocol, each answered after its fsync. The daemon has one core,
the generator the other."""
import pathlib
import statistics
import subprocess
import tempfile
import time
import urllib.parse

import peers

GENERATOR = peers.BUILD / "bench" / "queue_load"
GOAL, BODY_BYTES = 5000, 256


def fsync_ms(folder):
    """Of a small file on the same disk: what a commit costs at least."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(50):
            began = time.monotonic()
            file.write(b"x" * 4096)
            file.flush()
            peers.os.fdatasync(file.fileno())
            times.append(time.monotonic() - began)
    return 1000 * statistics.median(times)


def measure(daemon, url, connections, batch):
    api = urllib.parse.urlsplit(daemon.api)
    before = daemon.cost()["cpu_s"]
    done = subprocess.run(
        ["taskset", "-c", peers.LOAD_CORE, GENERATOR, api.hostname, str(api.port), url, *daemon.keys(),
         str(connections), peers.SECONDS, str(batch), str(BODY_BYTES)],
        check=True, capture_output=True, text=True)
    messages, rate = (float(word) for word in done.stdout.split())
    return rate, 1e6 * (daemon.cost()["cpu_s"] - before) / max(messages, 1)


subprocess.run(["ninja", "-C", peers.BUILD, "bench/queue_load"], check=True, stdout=subprocess.DEVNULL)
with peers.evoke() as daemon:
    print(f"fdatasync of 4 KB: {fsync_ms(pathlib.Path(daemon.data)):.2f} ms")
    for connections, batch in [(32, 10), (1, 10), (32, 1)]:
        url = daemon.boto("sqs").create_queue(QueueName=f"load-{connections}-{batch}")["QueueUrl"]
        rounds = [measure(daemon, url, connections, batch) for _ in range(peers.ROUNDS)]
        rate = statistics.median(round[0] for round in rounds)
        cost = statistics.median(round[1] for round in rounds)
        goal = f" (goal {GOAL})" if (connections, batch) == (32, 10) else ""
        print(f"{connections} connections, batches of {batch}: {rate:.0f} messages/s{goal}, "
              f"{cost:.0f} us of the daemon's CPU each")
