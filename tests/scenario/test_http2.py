# SPDX-License-Identifier: Apache-2.0
"""HTTP/2: its specification, what smuggles through it. Floods are in test_floods.py."""
import json
import os
import re
import select
import shutil
import socket
import ssl
import struct
import subprocess
import urllib.parse

import pytest

import certificates
import clients
from h2_frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST,
                       SETTINGS, WINDOW, Connection, field, frame, head, request)

HANDLER = """
import json
def handler(event, context):
    if event["rawPath"].endswith("/big"):
        return "x" * 3000000
    return event
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A daemon with a function at /urls/.../, plain and by TLS."""
    import evoke_daemon
    folder = tmp_path_factory.mktemp("h2")
    ca = certificates.Authority(folder / "ca")
    ca.issue(folder / "certificates", "localhost")
    daemon = evoke_daemon.Daemon(folder / "data", "--gateway-tls", "127.0.0.1:0",
                                 "--tls-certificates", folder / "certificates", "--shards", "1")
    daemon.start()
    daemon.ca = ca.crt
    daemon.create("f", {"main.py": HANDLER})
    daemon.url = daemon.open_url("f")
    daemon.tls = json.loads((daemon.data / "daemon.json").read_text())["gateway-tls"]
    yield daemon
    daemon.stop()


@pytest.fixture
def h2(site):
    parts = urllib.parse.urlsplit(site.gateway)
    with Connection(parts.hostname, parts.port) as connection:
        yield connection


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", "60", *map(str, arguments)],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_requests_by_alpn_and_by_prior_knowledge(site):
    for arguments in (["--cacert", site.ca, "--resolve",
                       f"localhost:{urllib.parse.urlsplit(site.tls).port}:127.0.0.1",
                       site.tls.replace("127.0.0.1", "localhost") + site.url],
                      ["--http2-prior-knowledge", site.gateway + site.url]):
        out = curl("-w", "\n%{http_version}", "-H", "a_b: 1", "-b", "a=1; b=2", "-d", "body", *arguments)
        event, version = out.decode().rsplit("\n", 1)
        event = json.loads(event)
        assert version == "2"
        assert event["cookies"] == ["a=1", "b=2"] and "a_b" not in event["headers"]
        assert event["requestContext"]["http"]["method"] == "POST"


@pytest.mark.parametrize("offered", [[], ["http/1.1"]])
def test_by_tls_nobody_speaks_it_who_has_not_agreed_to(site, offered):
    context = ssl.create_default_context(cafile=site.ca)
    if offered:
        context.set_alpn_protocols(offered)
    parts = urllib.parse.urlsplit(site.tls)
    with Connection(parts.hostname, parts.port, lambda sock: context.wrap_socket(
            sock, server_hostname="localhost")) as client:
        assert client.sock.recv(12) == b"HTTP/1.1 505"


def test_many_streams_and_large_answers_at_once(site):
    big = site.gateway + site.url + "big"
    out = curl("--http2-prior-knowledge", "--parallel", "--parallel-immediate", *[big] * 8)
    assert len(out) == 8 * 3000000


def test_a_large_body_goes_in(site, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"0123456789" * 400000)
    out = curl("--http2-prior-knowledge", "-H", "content-type: text/plain", "--data-binary",
               f"@{body}", site.gateway + site.url)
    assert json.loads(out)["body"] == body.read_text()


def status(connection, stream):
    """The answer's :status of small answers: it is a field of the static table or literal."""
    got = connection.until(HEADERS, stream)
    assert got, "no answer"
    first = got[1][0]
    table = {0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}
    if first in table:
        return table[first]
    return int(re.search(rb"[1-5][0-9][0-9]", unhuffman_digits(got[1][:8])).group())


def content(connection, stream):
    """The answer's body."""
    got = b""
    for kind, flags, number, payload in connection.frames():
        if (kind, number) == (DATA, stream):
            got += payload
            if flags & END_STREAM:
                return got
    raise AssertionError(f"the connection ended after {got!r}")


def unhuffman_digits(raw):
    """Digits of a short literal, Huffman-coded or not: enough for a status."""
    if not raw[2] & 0x80 and not raw[1] & 0x80:
        return raw
    at = 1 if raw[1] & 0x80 else 2
    length = raw[at] & 0x7f
    bits = "".join(f"{byte:08b}" for byte in raw[at + 1:at + 1 + length])
    codes = {"00000": "0", "00001": "1", "00010": "2", "011001": "3", "011010": "4", "011011": "5",
             "011100": "6", "011101": "7", "011110": "8", "011111": "9"}
    out = ""
    while bits and len(out) < 3:
        for code, digit in codes.items():
            if bits.startswith(code):
                out, bits = out + digit, bits[len(code):]
                break
        else:
            break
    return out.encode()


@pytest.mark.parametrize("arguments, fields, keywords, want", [
    (("/", "GET"), [("host", "other")], {}, 400),
    (("/", "GET"), [("host", "localhost")], {}, 404),
    (("/", "GET"), [], {"scheme": "ftp"}, 400),
    (("/#x", "GET"), [], {}, 400),
    (("/", "GET"), [("content_length", "1")], {}, 400),
    (("/", "GET"), [("a", "x" * 20000)], {}, 431),
    (("/", "GET"), [(f"x-{i}", "1") for i in range(101)], {}, 431),
    (("/", "GET"), [], {"authority": "a@b"}, 400),
    (("/", "GET"), [("expect", "something")], {}, 417),
])
def test_a_bad_head_is_answered(h2, arguments, fields, keywords, want):
    block = head(*arguments, *fields, **keywords)
    pieces = [block[i:i + 16000] for i in range(0, len(block), 16000)]
    h2.send(frame(HEADERS, 1, pieces[0], END_STREAM | (END_HEADERS if len(pieces) == 1 else 0)),
            *[frame(CONTINUATION, 1, piece, END_HEADERS if piece is pieces[-1] else 0)
              for piece in pieces[1:]])
    assert status(h2, 1) == want
    h2.send(request(3))
    assert status(h2, 3) == 404


@pytest.mark.parametrize("fields", [
    [("a", "x\r\nb: y")], [("a", "x\0y")], [("a", " x")], [("a:b", "x")], [("A", "x")],
    [(":path", "/")], [("transfer-encoding", "chunked")], [("connection", "close")], [("te", "gzip")],
])
def test_a_head_that_would_be_two_is_reset(h2, fields):
    h2.send(request(1, "/", "GET", *fields))
    flags, payload = h2.until(RST, 1)
    assert struct.unpack(">I", payload)[0] == 1
    h2.send(request(3))
    assert status(h2, 3) == 404


def test_connect_is_not_served(h2):
    h2.send(frame(HEADERS, 1, field(":method", "CONNECT") + field(":authority", "a:1"),
                  END_HEADERS | END_STREAM))
    assert status(h2, 1) == 501


def test_a_client_that_takes_nothing_holds_little(site):
    """Answers beyond the windows wait; memory is bounded by what was asked."""
    parts = urllib.parse.urlsplit(site.gateway)
    with Connection(parts.hostname, parts.port) as h2:
        h2.send(*[request(2 * n + 1, site.url + "big") for n in range(4)])
        total, seen = 0, 0
        for kind, flags, stream, payload in h2.frames():
            total += len(payload) if kind == DATA else 0
            seen += kind == HEADERS
            if total == 65535 and seen == 4:
                break
        h2.send(frame(WINDOW, 0, struct.pack(">I", 1 << 20)),
                frame(WINDOW, 1, struct.pack(">I", 1 << 20)))
        more = h2.until(DATA, 1)
        assert more and len(more[1]) > 0


@pytest.mark.skipif("EVOKE_SANITIZED" in os.environ, reason="sanitizers have memory of their own")
def test_the_crumbs_of_a_cookie_cost_what_they_are_long(site):
    """A byte each on the wire, of an entry of the table: 100 requests held open have 180 each."""
    parts = urllib.parse.urlsplit(site.gateway)
    crumb = b"\x40\x06cookie\x22" + b"x" * 34
    before = site.cost(reset_peak=True)["rss_bytes"]
    with Connection(parts.hostname, parts.port) as h2:
        for n in range(100):
            block = head(site.url, "POST") + (b"\xbe" if n else crumb) + b"\xbe" * 179
            h2.send(frame(HEADERS, 2 * n + 1, block, END_HEADERS))
        h2.send(frame(DATA, 199, b"", END_STREAM))
        answer = json.loads(content(h2, 199))
    assert answer["cookies"] == ["x" * 34] * 180
    assert site.cost()["peak_bytes"] - before < 30 << 20


def test_the_end_of_the_daemon_is_announced(make_daemon):
    daemon = make_daemon()
    parts = urllib.parse.urlsplit(daemon.gateway)
    with Connection(parts.hostname, parts.port) as h2:
        h2.send(request(1))
        assert status(h2, 1) == 404
        daemon.process.terminate()
        flags, payload = h2.until(GOAWAY)
        assert struct.unpack(">II", payload[:8]) == (1, 0)
        assert h2.until(DATA) is None


def test_what_comes_after_the_end_takes_nothing_away(h2):
    """The daemon ends its half when both have said GOAWAY; the client has read nothing yet."""
    h2.send(frame(GOAWAY, payload=bytes(8)))
    ended = select.poll()
    ended.register(h2.sock, select.POLLRDHUP)
    assert ended.poll(20000)
    h2.send(frame(PING, payload=bytes(8)))
    h2.sock.shutdown(socket.SHUT_WR)
    got = b""
    while piece := h2.sock.recv(65536):
        got += piece
    assert got[3] == SETTINGS


@pytest.mark.unsanitized
@pytest.mark.skipif("EVOKE_SANITIZED" in os.environ, reason="built once is enough")
@pytest.mark.parametrize("tls, least", [(True, 146), (False, 145)])
def test_h2spec(site, tls, least, tmp_path):
    """The one of plain sockets: what is no preface is HTTP/1.1 and answered 400."""
    program = clients.go_program("h2spec", "github.com/summerwind/h2spec/cmd/h2spec")
    port = urllib.parse.urlsplit(site.tls if tls else site.gateway).port
    done = subprocess.run([program, "-S", "-h", "127.0.0.1", "-p", str(port), "-o", "5",
                           "-P", site.url,
                           *(["-t", "-k"] if tls else [])],
                          capture_output=True, text=True, timeout=110, check=False)
    passed = re.search(r"(\d+) tests, (\d+) passed", done.stdout)
    assert passed and int(passed[2]) >= least, done.stdout[done.stdout.find("Failures:"):]
