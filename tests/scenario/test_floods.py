# SPDX-License-Identifier: Apache-2.0
"""Floods of HTTP/2: below its limit nothing happens, beyond it the connection is closed within
a second, and other clients do not notice."""
import os
import struct
import threading
import time
import urllib.parse

import pytest

import evoke_daemon
from h2_frames import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PING, PRIORITY,
                       RST, SETTINGS, WINDOW, Connection, field, frame, head, request)

HANDLER = "def handler(event, context):\n    return 'ok'\n"
CLOSED_S = 1  # after the frame that crosses the limit


def bomb(stream):
    """One large entry of the dynamic table, referred to again and again."""
    entry = b"\x40\x01a\x7f" + bytes([(3900 - 127) % 128 | 128, (3900 - 127) // 128]) + b"x" * 3900
    return frame(HEADERS, stream, head() + entry + b"\xbe" * 8000, END_HEADERS | END_STREAM)


# name: (the n-th piece, with streams of its own number; how many are let pass; how many more
# are too many; what comes first). In points of the allowance (docs/tls.md) where it is what limits.
FLOODS = {
    # The library lets a thousand resets of answered requests pass, the allowance 200 of others.
    "rapid reset": (lambda n: request(2 * n + 1) + frame(RST, 2 * n + 1, struct.pack(">I", 8)), 800, 400),
    "rapid reset of calls": (lambda n, url: request(2 * n + 1, url, "POST", flags=END_HEADERS) +
                             frame(RST, 2 * n + 1, struct.pack(">I", 8)), 150, 150),
    # Windows that overflow: the server is made to reset its own calls.
    "provoked resets": (lambda n, url: request(2 * n + 1, url, "POST", flags=END_HEADERS) +
                        frame(WINDOW, 2 * n + 1, struct.pack(">I", 0x7fffffff)), 50, 300),
    "malformed heads": (lambda n: request(2 * n + 1, "/", "GET", ("a", " x")), 50, 300),
    "HPACK bombs": (lambda n: bomb(2 * n + 1), 50, 100),
    "settings": (frame(SETTINGS), 80, 40),
    "settings acknowledged": (frame(SETTINGS, 0, b"", ACK), 1, 1),
    "ping": (frame(PING, 0, b"x" * 8), 400, 200),
    "priority": (frame(PRIORITY, 3, struct.pack(">IB", 0, 1)), 800, 400),
    "window": (frame(WINDOW, 0, struct.pack(">I", 1)), 800, 400),
    "unknown frames": (frame(77, 0, b"x" * 16384), 50, 80),
    "empty data": (frame(DATA, 1), 150, 100),
    "padding": (frame(DATA, 1, b"\xff" + b"\0" * 255, PADDED), 150, 100),
    # Heads on a stream that the first of them has ended: each is decompressed.
    "heads of a closed stream": (frame(HEADERS, 1, field("x", "y"), END_HEADERS), 150, 100),
    "continuation": (frame(CONTINUATION, 1), 0, 20),
}
FIRST = {
    "empty data": lambda url: request(1, url, "POST", flags=END_HEADERS),
    "padding": lambda url: request(1, url, "POST", flags=END_HEADERS),
    "heads of a closed stream": lambda url: request(1, url, "POST", flags=END_HEADERS),
    "continuation": lambda url: frame(HEADERS, 1, head(), END_STREAM),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A daemon of one shard, so that floods and others meet."""
    daemon = evoke_daemon.Daemon(tmp_path_factory.mktemp("floods") / "data", "--shards", "1")
    daemon.start()
    daemon.create("f", {"main.py": HANDLER})
    daemon.url = daemon.open_url("f")
    yield daemon
    daemon.stop()


class Flood:
    """A connection that sends one of FLOODS."""

    def __init__(self, site, name):
        self.site, self.name = site, name
        self.piece, self.below, self.over = FLOODS[name]
        parts = urllib.parse.urlsplit(site.gateway)
        self.connection = Connection(parts.hostname, parts.port)

    def __enter__(self):
        if self.name in FIRST:
            self.connection.send(FIRST[self.name](self.site.url))
        return self

    def __exit__(self, *_):
        self.connection.sock.close()

    def pieces(self, first, count):
        if isinstance(self.piece, bytes):
            return self.piece * count
        arguments = [self.site.url] if self.piece.__code__.co_argcount == 2 else []
        return b"".join(self.piece(n, *arguments) for n in range(first, first + count))

    def go_below(self):
        """Up to the limit; a request behind it is answered."""
        if self.below:
            stream = 2 * self.below + 3
            self.connection.send(self.pieces(1, self.below), request(stream))
            assert self.connection.until(HEADERS, stream), "closed below the limit"

    def go_over(self):
        """Seconds from the moment before the first piece beyond to the end of the connection, but
        for those that this side and the other had no processor."""
        self.connection.sock.settimeout(20)
        both = os.getpid(), self.site.process.pid
        pieces = self.pieces(self.below + 2, self.over)
        began, starved = time.monotonic(), evoke_daemon.starved_s(*both)
        try:
            self.connection.send(pieces)
        except ConnectionError:
            pass
        assert self.connection.until(0xff) is None
        return time.monotonic() - began - (evoke_daemon.starved_s(*both) - starved)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_ended_within_a_second_of_its_limit(site, name):
    with Flood(site, name) as flood:
        flood.go_below()
        assert flood.go_over() < CLOSED_S


@pytest.mark.parametrize("name", FLOODS)
def test_a_client_that_floods_and_does_not_read_is_ended(site, name):
    """What it is owed, acknowledgements above all, does not pile up either."""
    with Flood(site, name) as flood:
        sent = flood.connection.flood(lambda n: flood.pieces(1 + 10 * n, 10))
        assert sent < 50000


def test_others_do_not_notice(site):
    """On a connection that stays through all floods, and on new ones."""
    flooded = []

    def run():
        for name in FLOODS:
            for _ in range(3):
                with Flood(site, name) as flood:
                    flood.go_below()
                    flood.go_over()
            flooded.append(name)

    flooder, kept, answers = threading.Thread(target=run), site.connect(), []
    flooder.start()
    while flooder.is_alive():
        kept.request("GET", site.url)
        answer = kept.getresponse()
        answers += [(answer.status, answer.read()), site.get(site.url)[::2]]
    flooder.join()
    assert flooded == list(FLOODS) and set(answers) == {(200, b"ok")}
    assert site.cost()["peak_bytes"] < 200 << 20 or "EVOKE_SANITIZED" in os.environ
