# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 frames by hand: what no client library would send."""
import socket
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8


def frame(kind, stream=0, payload=b"", flags=0):
    return (struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
            struct.pack(">I", stream) + payload)


def field(name, value):
    """A literal field without indexing, without Huffman coding."""
    def text(value):
        value = value if isinstance(value, bytes) else value.encode()
        if len(value) < 127:
            return bytes([len(value)]) + value
        out, left = [127], len(value) - 127
        while left >= 128:
            out.append(left % 128 | 128)
            left //= 128
        return bytes(out + [left]) + value
    return b"\0" + text(name) + text(value)


def head(path="/", method="GET", *fields, scheme="http", authority="localhost"):
    pseudo = [(":method", method), (":scheme", scheme), (":path", path)]
    if authority is not None:
        pseudo.append((":authority", authority))
    return b"".join(field(*one) for one in [*pseudo, *fields])


def request(stream, *arguments, flags=END_HEADERS | END_STREAM, **keywords):
    return frame(HEADERS, stream, head(*arguments, **keywords), flags)


class Connection:
    """A client that sends what it is told and reads frames."""

    def __init__(self, host, port, wrap=lambda sock: sock):
        self.sock = wrap(socket.create_connection((host, port), timeout=20))
        self.sock.sendall(PREFACE + frame(SETTINGS))
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *frames):
        self.sock.sendall(b"".join(frames))

    def frames(self):
        """(kind, flags, stream, payload) until the connection ends."""
        while True:
            while len(self.rest) >= 9:
                size = int.from_bytes(self.rest[:3], "big")
                if len(self.rest) < 9 + size:
                    break
                kind, flags = self.rest[3], self.rest[4]
                stream = int.from_bytes(self.rest[5:9], "big") & 0x7fffffff
                payload, self.rest = self.rest[9:9 + size], self.rest[9 + size:]
                yield kind, flags, stream, payload
            try:
                got = self.sock.recv(65536)
            except ConnectionError:
                return
            if not got:
                return
            self.rest += got

    def until(self, wanted, stream=None):
        """The first frame of a kind (of a stream); None when the connection ends before."""
        for kind, flags, number, payload in self.frames():
            if kind == wanted and stream in (None, number):
                return flags, payload
        return None

    def flood(self, piece, seconds=10):
        """Sends a piece again and again until the other side ends the connection: how many
        went out. Fails when it does not end."""
        count, deadline = 0, time.monotonic() + seconds
        self.sock.settimeout(seconds)
        try:
            while time.monotonic() < deadline:
                self.sock.sendall(piece(count) if callable(piece) else piece)
                count += 1
        except (ConnectionError, socket.timeout):
            return count
        raise AssertionError(f"the connection stayed through {count} pieces")
