# SPDX-License-Identifier: Apache-2.0
"""How quickly hostile code is stopped, and what its neighbours feel of it: the end of a fork
bomb and of a processor hog after their deadline, the refusal of ZIP bombs, a neighbour's p99
beside each hog against alone."""
import concurrent.futures
import contextlib
import statistics
import sys
import time

import peers
from evoke_daemon import processes_below

sys.path.insert(0, str(peers.HERE.parent / "tests" / "support"))
from hostile_zips import BOMBS  # noqa: E402

TIMEOUT_S = 1
CODE = {"main.py": '''
import os, signal
def forks(most=1 << 30):
    made = os.open("/tmp/made", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    while True:
        if os.fstat(made).st_size < most:
            try: os.fork(); os.write(made, b"x")
            except OSError: pass
def forks64(): forks(64)
def spin():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
    while True: pass
def memory():
    kept = []
    while True: kept.append(bytearray(b"x" * (1 << 20)))
def handler(event, context):
    return globals()[event["do"]]() if "do" in event else event
'''}


def neighbour(daemon, until=None, count=300):
    """What calls to a neighbour take, in ms, while until is not done, or for count calls."""
    took, client = [], daemon.boto("lambda")
    while not until.done() if until else len(took) < count:
        began = time.monotonic()
        client.invoke(FunctionName="neighbour", Payload="{}")["Payload"].read()
        took.append((time.monotonic() - began) * 1000)
    return took


def p99(values):
    return statistics.quantiles(values, n=100)[98]


def end_of(daemon, hog):
    """ms from the deadline to the caller's answer, and until none of its processes is left."""
    client = daemon.boto("lambda")
    client.invoke(FunctionName=hog, Payload="{}")["Payload"].read()
    before = set(processes_below(daemon.process.pid))
    began = time.monotonic()
    client.invoke(FunctionName=hog, Payload=f'{{"do":"{hog}"}}')["Payload"].read()
    answered = time.monotonic()
    while set(processes_below(daemon.process.pid)) - before:
        pass
    gone = time.monotonic()
    return [(at - began - TIMEOUT_S) * 1000 for at in (answered, gone)]


def beside(daemon, hog):
    """A neighbour's p99 beside that hog, against alone, again and again in turn."""
    ratios, sides = [], ([], [])
    for _ in range(peers.ROUNDS):
        alone = p99(neighbour(daemon))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            took = neighbour(daemon, until=pool.submit(daemon.invoke, hog, {"do": hog}))
        if len(took) >= 2:
            ratios.append(p99(took) / alone)
            sides[0].append(p99(took) * 1000)
            sides[1].append(alone * 1000)
    peers.show(f"Neighbour's p99 in us beside '{hog}', against alone", statistics.median(ratios),
               [statistics.median(side) for side in sides], "alone", 1.2, more_is_better=False)


def refusals(daemon):
    client = daemon.boto("lambda")
    for name, make in BOMBS.items():
        archive, times = make(), []
        for _ in range(peers.ROUNDS):
            began = time.monotonic()
            with contextlib.suppress(client.exceptions.InvalidParameterValueException):
                client.update_function_code(FunctionName="neighbour", ZipFile=archive)
                raise SystemExit(f"the bomb {name} was accepted")
            times.append((time.monotonic() - began) * 1000)
        peers.show_value(f"Refusal of the ZIP bomb '{name}' ({len(archive):,} bytes)",
                         statistics.median(times), "ms", 100)


with peers.evoke() as daemon:
    daemon.create("neighbour", CODE)
    for hog in ("forks", "forks64", "spin", "memory"):
        daemon.create(hog, CODE, Timeout=TIMEOUT_S, MemorySize=1024 if hog == "forks" else 128)
    neighbour(daemon)
    for hog, goal in (("forks64", 20), ("forks", 200), ("spin", 20)):
        ends = [end_of(daemon, hog) for _ in range(peers.ROUNDS)]
        peers.show_value(f"'{hog}': from its deadline to the caller's answer",
                         statistics.median(end[0] for end in ends), "ms", 50)
        peers.show_value(f"'{hog}': from its deadline to the end of its last process",
                         statistics.median(end[1] for end in ends), "ms", goal)
    for hog in ("forks", "spin", "memory"):
        beside(daemon, hog)
    refusals(daemon)
