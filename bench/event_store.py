# SPDX-License-Identifier: Apache-2.0
"""Events stored a second: the event log against SQLite (the same group commit, the same process)
and against Redis streams with an fsync for each batch. 256 bytes each; servers on core 0. Rounds
are taken in turn, the median counts. With a folder as argument, on that disk."""
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile

ROUNDS, SECONDS = 3, 3
BUILD = pathlib.Path(os.environ.get("EVOKE_BUILD", "build")).resolve()
PROGRAM = BUILD / "bench" / "event_store_bench"


def store(kind, mode, writers, folder):
    done = subprocess.run([PROGRAM, kind, mode, str(writers), str(SECONDS), folder], check=True,
                          capture_output=True, text=True)
    match = re.search(r"(\d+) records/s, (\d+) commits/s, put to answer: (\d+) us", done.stdout)
    return float(match[1]), float(match[3]) / 1000


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def wait_for(server, port):
    while server.poll() is None:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", int(port))) == 0:
                return
    sys.exit("event_store.py: redis-server ended")


def redis(writers, folder):
    """XADD from as many connections; over the network of this machine, unlike the others."""
    port = free_port()
    server = subprocess.Popen(["taskset", "-c", "0", "redis-server", "--port", port, "--dir", folder,
                               "--appendonly", "yes", "--appendfsync", "always", "--save", "",
                               "--bind", "127.0.0.1", "--loglevel", "warning"],
                              stdout=subprocess.DEVNULL)
    try:
        ask = ["taskset", "-c", "1", "redis-benchmark", "-p", port, "--csv", "-c", str(writers)]
        wait_for(server, port)
        count = 30000 if writers > 1 else 1500
        done = subprocess.run([*ask, "-n", str(count), "XADD", "events", "*", "d", "x" * 256],
                              check=True, capture_output=True, text=True)
        fields = done.stdout.strip().splitlines()[-1].split('","')
        return float(fields[1]), float(fields[4])
    finally:
        server.terminate()
        server.wait()


def measure(ways, disk):
    """{name: (records/s, ms)} of each way, medians."""
    seen = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            folder = tempfile.mkdtemp(prefix="evoke-bench-", dir=disk)
            try:
                seen[name].append(way(folder))
            finally:
                shutil.rmtree(folder)
    return {name: tuple(map(statistics.median, zip(*rounds))) for name, rounds in seen.items()}


def main(disk):
    subprocess.run(["ninja", "-C", BUILD, "bench/event_store_bench"], check=True,
                   stdout=subprocess.DEVNULL)
    for writers, mode in ((50, "put"), (50, "cycle"), (1, "put")):
        ways = {"log": lambda f: store("log", mode, writers, f),
                "sqlite": lambda f: store("sqlite", mode, writers, f)}
        if mode == "put" and shutil.which("redis-server"):
            ways["redis"] = lambda f: redis(writers, f)
        found = measure(ways, disk)
        for name, (rate, ms) in found.items():
            print(f"{writers} writers, {mode}, {name}: {rate:.0f} records/s, {ms:.2f} ms, "
                  f"log : {name} = {found['log'][0] / rate:.2f}", flush=True)


main(sys.argv[1] if len(sys.argv) > 1 else str(BUILD))
