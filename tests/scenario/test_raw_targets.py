# SPDX-License-Identifier: Apache-2.0
"""Request targets with bytes beyond ASCII, which some clients send as they are: they mean the same
as their escapes, for routes, functions and what requests are passed on to."""
import http.server
import json
import socket
import threading
import urllib.parse

import h2_frames
import pytest

DAEMON_OPTIONS = ("--upstream-networks", "private")
ECHO = """
def handler(event, context):
    return {"raw": event["rawPath"], "query": event["rawQueryString"],
            "parameters": event.get("pathParameters"),
            "values": event.get("queryStringParameters"),
            "path": event["requestContext"]["http"]["path"]}
"""


def send(daemon, request):
    """(statuses of all answers, the last one's body) of bytes sent as they are."""
    parts = urllib.parse.urlsplit(daemon.gateway)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as sock:
        sock.sendall(request)
        got = b""
        while piece := sock.recv(65536):
            got += piece
    statuses = [int(line.split()[1]) for line in got.split(b"\r\n")
                if line.startswith(b"HTTP/1.1 ")]
    return statuses, got.partition(b"\r\n\r\n")[2]


def ask(daemon, target):
    statuses, body = send(daemon, b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n"
                                  b"Connection: close\r\n\r\n")
    assert statuses == [200], (statuses, body)
    return json.loads(body)


@pytest.fixture(scope="module")
def echo(daemon):
    daemon.create("echo", {"main.py": ECHO, "function.yaml": (
        "http:\n  routes: ['GET /cafe/{name}', GET /raw/echo]\n")})
    daemon.boto("lambda").add_permission(
        FunctionName="echo", StatementId="gateway", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")
    return daemon


def test_a_url_gets_escapes(echo):
    raw, escaped = (ask(echo, target) for target in (
        b"/functions/echo/caf\xc3\xa9/\xff?n=\xc3\xbc&m=%C3%BC",
        b"/functions/echo/caf%C3%A9/%FF?n=%C3%BC&m=%C3%BC"))
    assert raw == escaped
    assert raw["raw"].endswith("/caf%C3%A9/%FF") and raw["query"] == "n=%C3%BC&m=%C3%BC"
    assert raw["values"] == {"n": "ü", "m": "ü"}


def test_parameters_of_routes_are_decoded(echo):
    assert ask(echo, "/cafe/Zoë".encode())["parameters"] == {"name": "Zoë"}
    assert ask(echo, b"/cafe/Zo%C3%AB")["parameters"] == {"name": "Zoë"}


def test_an_api_gets_the_decoded_path(echo):
    client = echo.boto("apigatewayv2")
    arn = echo.boto("lambda").get_function(FunctionName="echo")["Configuration"]["FunctionArn"]
    api = client.create_api(Name="raw", ProtocolType="HTTP", Target=arn)["ApiId"]
    told = ask(echo, f"/apis/{api}/größe?ü=1".encode())
    assert (told["raw"], told["path"]) == ("/größe", "/größe")
    assert (told["query"], told["values"]) == ("%C3%BC=1", {"ü": "1"})


def test_what_is_passed_on_is_ascii(echo):
    seen = []

    class Upstream(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        api = echo.boto("apigatewayv2").create_api(
            Name="on", ProtocolType="HTTP", RouteKey="GET /{proxy+}",
            Target=f"http://127.0.0.1:{server.server_address[1]}/{{proxy}}")["ApiId"]
        # Python's server takes these two bytes for blanks.
        ask(echo, f"/apis/{api}".encode() + b"/a\xa0HTTP/1.1\x85b?q=\xa0")
    finally:
        server.shutdown()
    assert seen == ["GET /a%A0HTTP/1.1%85b?q=%A0 HTTP/1.1"]


def test_http_2_takes_them_too(echo):
    parts = urllib.parse.urlsplit(echo.gateway)
    with h2_frames.Connection(parts.hostname, parts.port) as connection:
        connection.send(h2_frames.request(1, "/cafe/Zoë".encode()))
        _, payload = connection.until(h2_frames.DATA, stream=1)
    assert json.loads(payload)["parameters"] == {"name": "Zoë"}


def test_the_access_log_shows_escapes(echo):
    ask(echo, b"/functions/echo/log\xc3\xb6?\xa0")
    log = echo.data / "access.log"
    assert echo.stop() == 0
    lines = log.read_bytes()
    echo.start()
    assert b"/functions/echo/log%C3%B6?%A0" in lines and all(byte < 0x80 for byte in lines)


@pytest.mark.parametrize("line", [
    b"GET /a\x00b HTTP/1.1", b"GET /a\x01 HTTP/1.1", b"GET /a\x1f\xc3\xa9 HTTP/1.1",
    b"GET /a\x7f HTTP/1.1", b"GET /a\tb HTTP/1.1", b"GET /a b HTTP/1.1", b"GET /a\x0bb HTTP/1.1",
    b"GET /\xc3\xa9 \xc3\xa9 HTTP/1.1", b"GET\xa0/a HTTP/1.1", b"GET /a\xa0HTTP/1.1",
    b"GET /a HTTP/1.1\xa0", b"GET /a\x85HTTP/1.1", b"GET \xc3\xa9 HTTP/1.1",
    b"GET http://h\xc3\xb6st/ HTTP/1.1", b"\xef\xbb\xbfGET / HTTP/1.1"])
def test_nothing_else_of_a_request_line_is_taken(echo, line):
    statuses, _ = send(echo, line + b"\r\nHost: localhost\r\n\r\nGET /raw/echo HTTP/1.1\r\n"
                             b"Host: localhost\r\n\r\n")
    assert statuses == [400]
