# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: pinned servers, load from wrk, ratios of rounds.

Servers and functions run on core 0, wrk on core 1. Sides are measured in turn, several
rounds; a ratio is the median of the rounds' ratios, so that a disturbance hits both sides
or one round.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))
from c_function import bootstrap  # noqa: E402
from evoke_daemon import BUILD, Daemon, make_zip  # noqa: E402,F401

SERVER_CORE, LOAD_CORE = "0", "1"
PIN = ["taskset", "-c", SERVER_CORE]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = os.environ.get("BENCH_SECONDS", "2")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise SystemExit(f"nothing listens at port {port}")


@contextlib.contextmanager
def evoke(*options):
    """A daemon of one shard on the servers' core, with everything it starts."""
    folder = tempfile.mkdtemp(prefix="evoke-bench-")
    daemon = Daemon(pathlib.Path(folder) / "data", "--shards", "1", *options, prefix=PIN)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def pinned(command, port, **keywords):
    """A peer on the servers' core: its process."""
    process = subprocess.Popen(PIN + [str(word) for word in command], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **keywords)
    try:
        wait_for(port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextlib.contextmanager
def server(command, port, **keywords):
    """The same: its URL."""
    with pinned(command, port, **keywords):
        yield f"http://127.0.0.1:{port}/"


@contextlib.contextmanager
def nginx_of(*servers):
    """nginx with server blocks: (port, directives) each. Yields its process."""
    blocks = "\n".join(f"server {{ {directives} }}" for _, directives in servers)
    with tempfile.TemporaryDirectory(prefix="evoke-nginx-") as folder:
        config = pathlib.Path(folder) / "nginx.conf"
        config.write_text(f"""worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {blocks} }}
""")
        with pinned(["/usr/sbin/nginx", "-c", config], servers[0][0]) as process:
            yield process


@contextlib.contextmanager
def nginx(body):
    """nginx that answers `return 200` with body."""
    port = free_port()
    answer = f"location / {{ default_type application/json; return 200 '{body}'; }}"
    with nginx_of((port, f"listen 127.0.0.1:{port}; {answer}")):
        yield f"http://127.0.0.1:{port}/"


def wrk(url, connections, script=None, seconds=SECONDS):
    """(requests a second, p50 in us). Ends the benchmark when answers are not 2xx."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s",
               "--latency", url]
    if script:
        command[-1:-1] = ["-s", str(script)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out and "timeout 0" not in out:
        raise SystemExit(f"wrk {url}: {out}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])
    value, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", out).groups()
    return rate, float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def h2load(url, connections, *options):
    """Requests a second. Ends the benchmark when answers are not 2xx."""
    command = ["taskset", "-c", LOAD_CORE, "h2load", "-t1", f"-c{connections}", "-D", SECONDS,
               "--warm-up-time", "200ms", *options, url]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if not re.search(r" 0 failed, 0 errored", out) or ", 0 3xx, 0 4xx, 0 5xx" not in out:
        raise SystemExit(f"h2load {url}: {out}")
    return float(re.search(r"finished in .*, ([\d.]+) req/s", out)[1])


def compare(name, ours, theirs, connections, goals, peer="nginx", script=None):
    """Measures both in turn and prints rate and p50 ratios. goals: {"rate": least,
    "p50": most}, either may be missing. script: of both sides, or one each."""
    rounds = []
    mine, other = script if isinstance(script, tuple) else (script, script)
    wrk(ours, connections, mine)
    wrk(theirs, connections, other)
    for _ in range(ROUNDS):
        rounds.append((wrk(ours, connections, mine), wrk(theirs, connections, other)))
    rate = [statistics.median(side) for side in
            zip(*((a[0], b[0]) for a, b in rounds))]
    p50 = [statistics.median(side) for side in zip(*((a[1], b[1]) for a, b in rounds))]
    show(f"{name}, {connections} connection{'s' * (connections > 1)}: requests/s",
         statistics.median(a[0] / b[0] for a, b in rounds), rate, peer, goals.get("rate"), True)
    show(f"{name}, {connections} connection{'s' * (connections > 1)}: p50 us",
         statistics.median(a[1] / b[1] for a, b in rounds), p50, peer, goals.get("p50"), False)


def show(name, ratio, sides, peer, goal, more_is_better):
    """One line: what, ratio, both sides, the goal and whether it is met."""
    verdict = ""
    if goal is not None:
        met = ratio >= goal if more_is_better else ratio <= goal
        verdict = f"  goal {'>=' if more_is_better else '<='} {goal:g}: {'met' if met else 'MISSED'}"
    print(f"{name}: {ratio:.2f}  (evoke {sides[0]:,.0f}, {peer} {sides[1]:,.0f}){verdict}",
          flush=True)


def show_value(name, value, unit, goal=None):
    verdict = "" if goal is None else f"  goal <= {goal:g}: {'met' if value <= goal else 'MISSED'}"
    print(f"{name}: {value:,.1f} {unit}{verdict}", flush=True)


def c_function(source, ring=True):
    """A static bootstrap of runtimes/c from C source; without the ring it speaks the
    Runtime API as any client would."""
    return bootstrap(source, *([] if ring else ["-DWITHOUT_RING"]))


def ask(url, body=None):
    """One request, for checks before measuring."""
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=30) as answer:
        return answer.read()
