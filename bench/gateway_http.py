# SPDX-License-Identifier: Apache-2.0
"""The gateway's door beside nginx with the same certificate: CORS preflights, which the gateway
answers itself, against `return 204`; TLS handshakes; memory of 10,000 idle connections. nginx
writes no access log and none of the CORS headers; the gateway does both."""
import contextlib
import json
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
import urllib.parse

import peers  # first: it says where the tests' support is
import certificates
from evoke_daemon import processes_below, wait_until

GENERATOR = peers.BUILD / "bench" / "tls_load"
IDLE = 10000
PREFLIGHT = {"Origin": "https://example.com", "Access-Control-Request-Method": "GET"}
CODE = {"main.py": "def handler(event, context):\n    return event\n"}


class Side:
    """One of the two: its plain URL, the one by TLS, one of plain HTTP/2, its processes."""

    def __init__(self, plain, secure, plain_h2, *pids):
        self.plain, self.secure, self.plain_h2, self.pids = plain, secure, plain_h2, pids

    def cpu_s(self):
        """Of its processes, to the nanosecond: of a short measurement ticks are too few."""
        return sum(int(pathlib.Path(f"/proc/{pid}/task/{task.name}/schedstat").read_text().split()[0])
                   for pid in self.pids for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9

    def resident_mb(self):
        return sum(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
                   for pid in self.pids) / 1024


@contextlib.contextmanager
def sides(kind):
    """Both, with a certificate whose key is of that kind."""
    with tempfile.TemporaryDirectory(prefix="evoke-bench-") as folder:
        crt, key = certificates.Authority(f"{folder}/ca").issue(f"{folder}/certificates", "default",
                                                                "localhost", kind=kind)
        with peers.evoke("--gateway-tls", "127.0.0.1:0", "--tls-certificates",
                         f"{folder}/certificates") as daemon, nginx(crt, key) as theirs:
            daemon.create("f", CODE)
            path = daemon.open_url("f", Cors={"AllowOrigins": ["*"], "AllowMethods": ["GET"]})
            tls = json.loads((daemon.data / "daemon.json").read_text())["gateway-tls"]
            yield Side(daemon.gateway + path, tls + path, daemon.gateway + path,
                       daemon.process.pid), theirs


def worker(master):
    """It is there a moment after the socket."""
    wait_until(lambda: processes_below(master.pid), "nginx's worker")
    return processes_below(master.pid)


@contextlib.contextmanager
def nginx(crt, key):
    ports = [peers.free_port() for _ in range(3)]
    tls = f"ssl_certificate {crt}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"
    answer = "location / { return 204; }"
    with peers.nginx_of((ports[0], f"listen 127.0.0.1:{ports[0]}; {answer}"),
                        (ports[1], f"listen 127.0.0.1:{ports[1]} ssl http2; {tls} {answer}"),
                        (ports[2], f"listen 127.0.0.1:{ports[2]} http2; {answer}")) as master:
        yield Side(f"http://127.0.0.1:{ports[0]}/", f"https://127.0.0.1:{ports[1]}/",
                   f"http://127.0.0.1:{ports[2]}/", *worker(master))


def compare(name, load, ours, theirs, goal):
    """By what load() finds a second, both in turn after one round for nothing; and by what a
    second of the server's CPU does, because a generator can be slower than its server."""
    def measure(side):
        began, cpu_s = time.monotonic(), side.cpu_s()
        rate = load(side)
        return rate, rate * (time.monotonic() - began) / (side.cpu_s() - cpu_s)

    rounds = [(measure(ours), measure(theirs)) for _ in range(peers.ROUNDS + 1)][1:]
    for index, unit in enumerate(("a second", "a second of the server's CPU")):
        pairs = [(a[index], b[index]) for a, b in rounds]
        peers.show(f"{name}: {unit}", statistics.median(a / b for a, b in pairs),
                   [statistics.median(side) for side in zip(*pairs)], "nginx", goal, True)


def preflights(url, *options):
    headers = [f"-H{name}: {value}" for name, value in [(":method", "OPTIONS"), *PREFLIGHT.items()]]
    return lambda side: peers.h2load(getattr(side, url), 32, *headers, *options)


def handshakes(mode):
    """Of 32 clients; one on each new connection, with a preflight behind it."""
    def load(side):
        url = urllib.parse.urlsplit(side.secure)
        return float(subprocess.run(
            ["taskset", "-c", peers.LOAD_CORE, GENERATOR, url.hostname, str(url.port), url.path, "32",
             peers.SECONDS, mode], stdout=subprocess.PIPE, text=True, check=True).stdout)
    return load


def idle(side, secure):
    """Growth in MB by IDLE connections that had one request answered each."""
    url = urllib.parse.urlsplit(side.secure if secure else side.plain)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = "".join(f"{name}: {value}\r\n" for name, value in [("Host", "localhost"), *PREFLIGHT.items()])
    before, kept = side.resident_mb(), []
    for _ in range(IDLE):
        sock = socket.create_connection((url.hostname, url.port), timeout=60)
        sock = context.wrap_socket(sock) if secure else sock
        sock.sendall(f"OPTIONS {url.path} HTTP/1.1\r\n{request}\r\n".encode())
        assert sock.recv(4096).startswith(b"HTTP/1.1 204 ")
        kept.append(sock)
    grown = side.resident_mb() - before
    for sock in kept:
        sock.close()
    return grown


subprocess.run(["ninja", "-C", peers.BUILD, "bench/tls_load"], check=True, stdout=subprocess.DEVNULL)
with sides("ec") as both:
    for name, load in (("HTTP/1.1", preflights("plain", "--h1")),
                       ("HTTP/1.1 by TLS", preflights("secure", "--h1")),
                       ("HTTP/2", preflights("plain_h2")), ("HTTP/2 by TLS", preflights("secure")),
                       ("HTTP/2 by TLS, 10 streams each", preflights("secure", "-m10"))):
        compare(f"Preflights by {name}, 32 connections", load, *both, 0.7)
    compare("TLS handshakes, P-256", handshakes("full"), *both, 0.9)
    compare("TLS handshakes resumed by tickets", handshakes("resumed"), *both, 0.9)
with sides("rsa") as both:
    compare("TLS handshakes, RSA 2048", handshakes("full"), *both, 0.9)
for secure, name, goal in ((False, "HTTP/1.1", 100), (True, "HTTP/1.1 by TLS", None)):
    with sides("ec") as both:
        grown = [idle(side, secure) for side in both]
        peers.show_value(f"{IDLE:,} idle connections of {name} (nginx {grown[1]:.1f} MB)", grown[0], "MB", goal)
