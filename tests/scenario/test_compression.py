# SPDX-License-Identifier: Apache-2.0
"""Answers are compressed for clients that accept it, when a route or the daemon says so."""
import gzip
import json
import shutil
import socket
import subprocess
import urllib.parse
import zlib

import pytest

import gate

NODE = shutil.which("node", path="/usr/bin:/usr/local/bin")
ITEMS = 'JSON.stringify(Array.from({length: n}, (_, i) => ({id: i * 7919, name: "user " + i})))'
SITE = {"index.mjs": """
export const handler = async (event) => {
  const query = event.queryStringParameters ?? {};
  const n = Number(query.n ?? 500);
  const headers = {"content-type": query.type ?? "application/json", etag: '"v1"'};
  if (query.no) headers["cache-control"] = "no-transform";
  if (query.zipped) {
    const {gzipSync} = await import("node:zlib");
    return {statusCode: 200, headers: {...headers, "content-encoding": "gzip"}, isBase64Encoded: true,
            body: gzipSync("already ".repeat(500)).toString("base64")};
  }
  if (query.status) return {statusCode: Number(query.status), headers};
  return {statusCode: 200, headers, body: ITEMS};
};
""".replace("ITEMS", ITEMS), "function.yaml": "http:\n  route: /site\n  compression: true\n"}
PLAIN = {**SITE, "function.yaml": "http:\n  route: /plain\n  compression: false\n"}
UNSAID = {**SITE, "function.yaml": "http:\n  route: /unsaid\ninputs:\n  n: {type: integer}\n"}
EVENTS = {"index.mjs": gate.NODE + """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, {
    statusCode: 200, headers: {"content-type": "text/event-stream"}});
  stream.write("data: first\\n\\n");
  if (event.queryStringParameters?.gate) await atGate();
  stream.write("data: last\\n\\n");
  stream.end();
});
""", "function.yaml": "http:\n  route: /flow\n  mode: stream\n  compression: true\nnetwork: host\n"}
pytestmark = pytest.mark.skipif(not NODE, reason="no Node.js")


@pytest.fixture(scope="module")
def site(daemon):
    with gate.Gate() as daemon.gate:
        for name, files in {"site": SITE, "plain": PLAIN, "unsaid": UNSAID, "events": EVENTS}.items():
            daemon.create(name, files, runtime="nodejs20.x", handler="index.handler", Timeout=60,
                          MemorySize=512, Environment=daemon.gate.environment)
        yield daemon


@pytest.fixture
def closed(site):
    """The gate that events wait at between the first and the last."""
    site.gate.close()
    yield site.gate
    site.gate.open()


def items(n):
    return [{"id": i * 7919, "name": f"user {i}"} for i in range(n)]


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", "60", *map(str, arguments)],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def get(daemon, path, accept, method="GET"):
    return daemon.get(path, method=method, headers={"accept-encoding": accept})


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("accept,coding", [
    ("br, gzip", "br"), ("gzip", "gzip"), ("br;q=0.1, gzip;q=0.2", "gzip"), ("identity", None)])
def test_curl_gets_the_coding_it_likes(site, protocol, accept, coding):
    """--compressed decodes by the answer's Content-Encoding; its own list of codings is replaced."""
    for n in (50, 100_000):  # a megabyte goes out in turns
        head, _, body = curl(protocol, "--compressed", "-H", f"accept-encoding: {accept}", "-i",
                             f"{site.gateway}/site?n={n}").partition(b"\r\n\r\n")
        head = head.decode().lower()
        assert json.loads(body) == items(n)
        assert "vary: accept-encoding" in head
        assert ("content-encoding" in head) == bool(coding), head
        assert f"content-encoding: {coding}" in head or not coding
        assert ('etag: w/"v1"' if coding else 'etag: "v1"') in head


def test_what_gains_nothing_or_must_not_change_is_left_alone(site):
    for query in ("n=5", "type=image/png", "no=1"):
        status, headers, body = get(site, f"/site?{query}", "br, gzip")
        assert status == 200 and json.loads(body) and "vary" not in headers, query
        assert "content-encoding" not in headers and headers["etag"] == '"v1"', query
    _, headers, body = get(site, "/site?zipped=1", "br")
    assert headers["content-encoding"] == "gzip" and gzip.decompress(body) == b"already " * 500
    for status in (204, 304):
        answer, headers, body = get(site, f"/site?status={status}", "br, identity;q=0")
        assert (answer, body) == (status, b"") and "content-encoding" not in headers
    status, headers, body = get(site, "/site", "br", method="HEAD")
    assert status == 200 and "content-encoding" not in headers
    assert headers["vary"] == "accept-encoding"


def test_who_refuses_identity_gets_short_answers_compressed_too(site):
    _, headers, body = get(site, "/site?n=1", "gzip, identity;q=0")
    assert headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body)) == items(1)


def test_a_route_decides_before_the_daemon(site, make_daemon):
    assert "content-encoding" not in get(site, "/plain", "gzip")[1]
    assert "content-encoding" not in get(site, "/unsaid", "gzip")[1], "it is off by default"
    daemon = make_daemon("--gateway-compression", "true")
    for name, files, coding in (("plain", PLAIN, None), ("unsaid", UNSAID, "gzip")):
        daemon.create(name, files, runtime="nodejs20.x", handler="index.handler")
        assert get(daemon, f"/{name}", "gzip")[1].get("content-encoding") == coding
    # Its own pages too
    _, headers, body = get(daemon, "/functions/unsaid/docs", "gzip")
    assert headers["content-encoding"] == "gzip" and b"<html" in gzip.decompress(body)


def test_a_setting_that_is_none_is_refused(daemon):
    import botocore.exceptions
    files = {**SITE, "function.yaml": "http:\n  route: /bad\n  compression: always\n"}
    with pytest.raises(botocore.exceptions.ClientError, match="compression must be true or false"):
        daemon.create("bad", files, runtime="nodejs20.x", handler="index.handler")


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_an_event_arrives_before_the_next_one_is_written(site, closed, protocol):
    client = subprocess.Popen(
        ["curl", "-sS", "-N", "--max-time", "60", "--compressed", protocol,
         f"{site.gateway}/flow?gate=1"], stdout=subprocess.PIPE)
    first = client.stdout.readline()
    closed.open()
    rest = client.communicate()[0]
    assert first + rest == b"data: first\n\ndata: last\n\n" and client.returncode == 0


def test_the_pieces_of_a_stream_can_be_decoded_as_they_come(site, closed):
    connection = site.connect()
    connection.request("GET", "/flow?gate=1", headers={"accept-encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.getheader("content-encoding") == "gzip"
    decoder, text = zlib.decompressobj(31), b""
    while not text:
        text = decoder.decompress(answer.read1())
    assert text == b"data: first\n\n"
    closed.open()
    assert decoder.decompress(answer.read()) == b"data: last\n\n" and decoder.eof
    # The same connection serves on.
    connection.request("GET", "/site?n=50", headers={"accept-encoding": "gzip"})
    assert json.loads(gzip.decompress(connection.getresponse().read())) == items(50)
    connection.close()


def test_a_client_that_leaves_in_the_middle_harms_nobody(site):
    parts = urllib.parse.urlsplit(site.gateway)
    for path in ("/flow", "/site?n=100000"):
        for _ in range(4):
            with socket.create_connection((parts.hostname, parts.port)) as client:
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\n\r\n".encode())
                assert client.recv(15).startswith(b"HTTP/1.1 200"), path
    assert json.loads(gzip.decompress(get(site, "/site", "gzip")[2])) == items(500)


def test_node_decodes_what_it_gets(site):
    script = ("for (const path of ['/site?n=50000', '/flow']) {"
              "  const answer = await fetch(process.argv[1] + path);"
              "  const text = await answer.text();"
              "  console.log(answer.headers.get('content-encoding'), text.length);"
              "}")
    done = subprocess.run([NODE, "--input-type=module", "-e", script, site.gateway],
                          capture_output=True, text=True, check=True, timeout=60)
    length = len(json.dumps(items(50_000), separators=(",", ":")))
    assert done.stdout.split("\n")[:2] == [f"gzip {length}", "gzip 25"]
