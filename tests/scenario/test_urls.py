# SPDX-License-Identifier: Apache-2.0
"""Function URLs from end to end: by curl, by signing clients and by bytes on a socket."""
import base64
import json
import re
import shutil
import socket
import struct
import subprocess
import time
import urllib.parse

import pytest

import gate
from evoke_daemon import wait_until

CODE = {"main.py": gate.PYTHON + '''
import base64, json, time
def handler(event, context):
    query = event.get("queryStringParameters") or {}
    do = query.get("do", "event")
    body = event.get("body")
    if do == "event":
        return event
    if do == "body":
        return {"statusCode": 200, "headers": {"content-type": query.get("type", "application/octet-stream")},
                "body": body or "", "isBase64Encoded": event["isBase64Encoded"]}
    if do == "length":
        return {"length": len(base64.b64decode(body) if event["isBase64Encoded"] else body)}
    if do == "size":
        return {"statusCode": 200, "headers": {"content-type": "text/plain"}, "body": "x" * int(query["bytes"])}
    if do == "return":
        return json.loads(body)
    if do == "raise":
        raise ValueError("no")
    if do == "sleep":
        time.sleep(float(query["s"])); return "slept"
    if do == "gate":
        at_gate(); print("still here:", query["mark"]); return "gone on"
'''}
STREAM = {"index.mjs": gate.NODE + '''
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const { do: what = 'two', bytes = '0' } = event.queryStringParameters ?? {};
  if (what === 'early') throw new Error('before the first byte');
  stream = awslambda.HttpResponseStream.from(stream, {
    statusCode: 202, headers: { 'content-type': 'text/plain', 'x-own': 'yes' }, cookies: ['a=1', 'b=2'] });
  if (what === 'large') {
    const piece = Buffer.alloc(65536, 120);
    for (let left = Number(bytes); left > 0; left -= piece.length) {
      if (!stream.write(piece.subarray(0, left))) await new Promise((done) => stream.once('drain', done));
    }
  } else {
    stream.write('first\\n');
    if (what === 'late') throw new Error('after the first byte');
    if (what === 'gate') await atGate();
    stream.write('last\\n');
  }
  stream.end();
});
'''}
NODE = pytest.mark.skipif(not shutil.which("node", path="/usr/bin:/usr/local/bin"), reason="no Node.js")
CURL = shutil.which("curl")


@pytest.fixture(scope="module")
def url(daemon):
    """The path of an open URL: "/urls/<id>/"."""
    daemon.create("f", CODE, Timeout=10)
    return daemon.open_url("f")


@pytest.fixture(scope="module")
def stream(daemon):
    daemon.create("stream", STREAM, runtime="nodejs20.x", handler="index.handler", Timeout=20)
    return daemon.open_url("stream", "RESPONSE_STREAM")


def address(daemon):
    parts = urllib.parse.urlsplit(daemon.gateway)
    return parts.hostname, parts.port


def url_id(url):
    return url.split("/")[2]


def event_of(daemon, path, **request):
    status, _, body = daemon.get(path, **request)
    assert status == 200, body
    return json.loads(body)


def returned(daemon, url, value):
    """What the client gets when the function returns value."""
    return daemon.get(url + "?do=return", method="POST", body=json.dumps(value),
                      headers={"Content-Type": "application/json"})


class Wire:
    """A connection that is written and read by the byte."""

    def __init__(self, daemon):
        self.socket = socket.create_connection(address(daemon), timeout=30)
        self.held = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode("latin-1"))

    def _more(self):
        piece = self.socket.recv(65536)
        self.held += piece
        return bool(piece)

    def answer(self, has_body=True):
        """(status, headers, body) of the next answer."""
        while b"\r\n\r\n" not in self.held:
            assert self._more(), f"closed after {self.held!r}"
        head, _, self.held = self.held.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        status = int(first.split()[1])
        length = int(headers.get("content-length", 0)) if has_body and status >= 200 else 0
        while len(self.held) < length:
            assert self._more(), "closed within a body"
        body, self.held = self.held[:length], self.held[length:]
        return status, headers, body

    def is_closed(self):
        return not self.held and not self._more()


def get_line(url, query="", version="HTTP/1.1", *headers):
    return "\r\n".join([f"GET {url}{query} {version}", "Host: a", *headers, "", ""])


# --- addresses ---


def test_one_function_is_reached_by_its_path_its_host_and_its_name(daemon, url):
    port = address(daemon)[1]
    by_path = event_of(daemon, url + "a/b?x=1")
    hosts = [f"{url_id(url)}.localhost:{port}", f"{url_id(url)}.localhost",
             f"{url_id(url)}.lambda-url.us-east-1.localhost:{port}", f"{url_id(url)}.LOCALHOST:{port}"]
    seen = [by_path, event_of(daemon, "/functions/f/a/b?x=1"),
            *(event_of(daemon, "/a/b?x=1", headers={"Host": host}) for host in hosts)]
    assert {event["rawPath"] for event in seen} == {"/a/b"}
    assert {event["rawQueryString"] for event in seen} == {"x=1"}
    assert {event["requestContext"]["apiId"] for event in seen} == {url_id(url)}


def test_a_url_without_its_last_slash_is_its_root(daemon, url):
    assert event_of(daemon, url.rstrip("/"))["rawPath"] == "/"
    assert event_of(daemon, url)["rawPath"] == "/"


def test_the_url_the_api_returns_is_the_host_form(daemon, url):
    config = daemon.boto("lambda").get_function_url_config(FunctionName="f")
    port = address(daemon)[1]
    assert config["FunctionUrl"] == f"http://{url_id(url)}.localhost:{port}/"
    assert re.fullmatch(r"[a-z0-9]{32}", url_id(url))


@pytest.mark.skipif(not CURL, reason="no curl")
def test_curl_uses_the_returned_url_as_it_is(daemon, url):
    function_url = daemon.boto("lambda").get_function_url_config(FunctionName="f")["FunctionUrl"]
    assert url_id(url) in function_url
    done = subprocess.run([CURL, "-sS", "--noproxy", "*", "-d", '{"k": 1}', "-H", "Content-Type: application/json",
                           function_url + "a?b=c"], capture_output=True, text=True, timeout=30, check=True)
    event = json.loads(done.stdout)
    assert event["rawPath"] == "/a" and event["body"] == '{"k": 1}'
    assert event["requestContext"]["http"]["userAgent"].startswith("curl/")


@pytest.mark.parametrize("path, status", [
    ("/urls/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/", 403), ("/functions/nosuch/", 403), ("/nothing", 404), ("/", 404)])
def test_what_is_not_there_is_refused(daemon, url, path, status):
    assert daemon.get(path)[0] == status


@pytest.mark.parametrize("raw, path", [
    ("a%20b", "/a b"), ("a%2Fb/c", "/a/b/c"), ("%C3%BC", "/ü"), ("a+b", "/a+b"), ("a//b/", "/a//b/"),
    ("a;b=c", "/a;b=c"), ("%25", "/%")])
def test_paths_are_raw_and_decoded(daemon, url, raw, path):
    event = event_of(daemon, url + raw)
    assert event["rawPath"] == "/" + raw
    assert event["requestContext"]["http"]["path"] == path


@pytest.mark.parametrize("path", ["../x", "a/../b", "a/./b", "%2e%2e/x", "a/%2E%2e", "%zz", "a%", "%00"])
def test_paths_that_could_lead_elsewhere_are_400(daemon, url, path):
    assert daemon.get(url + path)[0] == 400


def test_queries_repeat_decode_and_keep_their_bytes(daemon, url):
    event = event_of(daemon, url + "?x=1&x=2&y=a+b&z=%C3%BC%26&empty=&flag")
    assert event["rawQueryString"] == "x=1&x=2&y=a+b&z=%C3%BC%26&empty=&flag"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "a b", "z": "ü&", "empty": "", "flag": ""}
    assert "queryStringParameters" not in event_of(daemon, url)


# --- requests ---


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_methods_reach_the_function(daemon, url, method):
    assert event_of(daemon, url, method=method)["requestContext"]["http"]["method"] == method


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PURGE"])
def test_other_methods_do_not(daemon, url, method):
    with Wire(daemon) as wire:
        wire.send(f"{method} {url} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        assert wire.answer()[0] in (400, 405, 501)


def test_head_has_headers_and_no_body(daemon, url):
    length = int(daemon.get(url + "?do=size&bytes=5000")[1]["content-length"])
    with Wire(daemon) as wire:
        wire.send(get_line(url, "?do=size&bytes=5000").replace("GET", "HEAD", 1))
        status, headers, _ = wire.answer(has_body=False)
        assert status == 200 and int(headers["content-length"]) == length == 5000
        wire.send(get_line(url, "?do=size&bytes=3"))
        assert wire.answer()[2] == b"xxx"


@pytest.mark.parametrize("kind, is_text", [
    ("application/json", True), ("text/plain", True), ("text/html; charset=utf-8", True), ("application/xml", True),
    ("application/javascript", True), ("application/graphql", True), ("application/octet-stream", False),
    ("application/x-www-form-urlencoded", False), ("image/png", False), (None, False)])
def test_the_kind_of_a_body_decides_how_the_function_gets_it(daemon, url, kind, is_text):
    with Wire(daemon) as wire:
        kind_line = f"Content-Type: {kind}\r\n" if kind else ""
        wire.send(f"POST {url} HTTP/1.1\r\nHost: a\r\n{kind_line}Content-Length: 3\r\n\r\na=b")
        event = json.loads(wire.answer()[2])
    assert event["isBase64Encoded"] == (not is_text)
    assert (event["body"] if is_text else base64.b64decode(event["body"]).decode()) == "a=b"


def test_binary_bodies_go_both_ways(daemon, url):
    content = bytes(range(256)) * 300
    status, headers, body = daemon.get(url + "?do=body&type=image/png", method="POST", body=content,
                                       headers={"Content-Type": "image/png"})
    assert status == 200 and headers["content-type"] == "image/png" and body == content


def test_text_in_another_charset_is_kept_whole(daemon, url):
    content = b"gr\xfc\xdfe"
    status, _, body = daemon.get(url + "?do=body", method="POST", body=content,
                                 headers={"Content-Type": "text/plain; charset=iso-8859-1"})
    assert status == 200 and body == content


def test_text_that_is_no_utf8_becomes_replacement_characters(daemon, url):
    event = event_of(daemon, url, method="POST", body=b"a\xff\xc3(\0",
                     headers={"Content-Type": "text/plain"})
    assert event["body"] == "a\ufffd\ufffd(\0"


def test_six_megabytes_each_way(daemon, url):
    status, _, body = daemon.get(url + "?do=length", method="POST", body=b"y" * 6_000_000,
                                 headers={"Content-Type": "text/plain"})
    assert status == 200 and json.loads(body) == {"length": 6_000_000}
    status, _, body = daemon.get(url + "?do=size&bytes=6000000")
    assert status == 200 and len(body) == 6_000_000
    # A binary body grows by a third within the event.
    content = bytes(range(256)) * 17_000
    assert json.loads(daemon.get(url + "?do=length", method="POST", body=content)[2]) == {"length": len(content)}


def test_more_is_413_and_an_answer_beyond_it_502(daemon, url):
    with Wire(daemon) as wire:
        wire.send(f"POST {url} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 7000000\r\n\r\n")
        assert wire.answer()[0] == 413
    assert daemon.get(url + "?do=size&bytes=6400000")[0] == 502
    assert daemon.get(url)[0] == 200


def test_chunked_bodies_arrive_whole(daemon, url):
    with Wire(daemon) as wire:
        wire.send(f"POST {url} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in ("grü", "ß", "e" * 70_000):
            content = piece.encode()
            wire.send(b"%x\r\n%s\r\n" % (len(content), content))
        wire.send("0\r\n\r\n")
        assert json.loads(wire.answer()[2])["body"] == "grüß" + "e" * 70_000


@pytest.mark.parametrize("value, body", [
    ({"hello": "wide, world", "list": [1, {"a": None}]}, b'{"hello":"wide, world","list":[1,{"a":null}]}'),
    (["hello", 3, True], b'["hello",3,true]'),
])
def test_a_value_alone_is_written_without_blanks(daemon, url, value, body):
    assert returned(daemon, url, value)[2] == body


def test_cookies_come_apart_and_go_out_one_by_one(daemon, url):
    event = event_of(daemon, url, headers={"Cookie": "a=1; b=two"})
    assert event["cookies"] == ["a=1", "b=two"] and event["headers"]["cookie"] == "a=1; b=two"
    connection = daemon.connect()
    connection.request("POST", url + "?do=return", json.dumps(
        {"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"], "body": "", "headers": {"Set-Cookie": "c=3"}}),
        {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    assert sorted(answer.headers.get_all("set-cookie")) == ["a=1; Path=/", "b=2", "c=3"]
    connection.close()


def test_the_event_tells_who_called_and_when(daemon, url):
    before = time.time() * 1000
    event = event_of(daemon, url, headers={"X-Own": "v", "User-Agent": "tester/1"})
    context = event["requestContext"]
    assert event["version"] == "2.0" and event["routeKey"] == context["routeKey"] == "$default"
    assert context["stage"] == "$default" and context["accountId"] == "anonymous"
    assert context["http"]["sourceIp"] in ("127.0.0.1", "::1")
    assert context["http"]["protocol"] == "HTTP/1.1" and context["http"]["userAgent"] == "tester/1"
    assert before - 1000 <= context["timeEpoch"] <= time.time() * 1000 + 1000
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert event["headers"]["x-own"] == "v" and event["headers"]["x-forwarded-proto"] == "http"
    assert event["headers"]["x-forwarded-port"] == str(address(daemon)[1])
    assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", event["headers"]["x-amzn-trace-id"])


# --- answers ---


@pytest.mark.parametrize("value, body", [
    ({"a": 1}, b'{"a": 1}'), ([1, 2], b"[1, 2]"), (7, b"7"), (True, b"true"), (None, b"null"),
    ("a \"text\" ü", 'a "text" ü'.encode()), ({"body": "x"}, b'{"body": "x"}')])
def test_what_is_no_response_is_the_body_of_a_200(daemon, url, value, body):
    status, headers, got = returned(daemon, url, value)
    assert status == 200 and headers["content-type"] == "application/json"
    assert got == body if isinstance(value, str) else json.loads(got) == json.loads(body)


@pytest.mark.parametrize("value, status, body", [
    ({"statusCode": 201, "body": "made"}, 201, b"made"), ({"statusCode": "404"}, 404, b""),
    ({"statusCode": 200, "body": {"a": 1}}, 200, b'{"a":1}'), ({"statusCode": 204}, 204, b""),
    ({"statusCode": 200, "body": base64.b64encode(b"\0\xff").decode(), "isBase64Encoded": True}, 200, b"\0\xff"),
    ({"statusCode": 599, "body": ""}, 599, b"")])
def test_a_response_says_all_of_it(daemon, url, value, status, body):
    got = returned(daemon, url, value)
    assert got[0] == status and got[2].replace(b" ", b"") == body


@pytest.mark.parametrize("value", [
    {"statusCode": 99}, {"statusCode": 600}, {"statusCode": "abc"}, {"statusCode": 200, "headers": 1},
    {"statusCode": 200, "body": "!!", "isBase64Encoded": True}, {"statusCode": 200, "cookies": "a=1"},
    {"statusCode": 200.5}])
def test_a_malformed_response_is_502(daemon, url, value):
    status, _, body = returned(daemon, url, value)
    assert (status, body) == (502, b"Internal Server Error")


def test_headers_that_would_break_out_are_left_out(daemon, url):
    status, headers, body = returned(daemon, url, {"statusCode": 200, "body": "b", "headers": {
        "x-bad": "a\r\nset-cookie: b=1", "a b": "c", "x-good": "d"}})
    assert (status, headers["x-good"], body) == (200, "d", b"b")
    assert not {"x-bad", "set-cookie", "a b", "a"} & set(headers)


def test_a_failed_function_is_502_and_its_error_stays_inside(daemon, url):
    status, _, body = daemon.get(url + "?do=raise")
    assert (status, body) == (502, b"Internal Server Error")


# --- who may call ---


def test_none_without_a_permission_is_403(daemon):
    daemon.create("closed", CODE)
    client = daemon.boto("lambda")
    made = client.create_function_url_config(FunctionName="closed", AuthType="NONE")
    path = f"/urls/{urllib.parse.urlsplit(made['FunctionUrl']).hostname.split('.')[0]}/"
    status, headers, body = daemon.get(path)
    assert status == 403 and json.loads(body)["Message"].startswith("Forbidden")
    assert headers["x-amzn-errortype"].startswith("AccessDeniedException")
    client.add_permission(FunctionName="closed", StatementId="s", Principal="*",
                          Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    assert daemon.get(path)[0] == 200
    client.remove_permission(FunctionName="closed", StatementId="s")
    assert daemon.get(path)[0] == 403


def sign(daemon, method, path, body=b"", headers=None, secret=None, region="us-east-1"):
    """Headers of a request as botocore signs it for a function URL."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    key, right = daemon.keys()
    request = AWSRequest(method, daemon.gateway + path, data=body, headers=headers or {})
    SigV4Auth(Credentials(key, secret or right), "lambda", region).add_auth(request)
    return dict(request.headers.items())


def test_iam_wants_a_signature(daemon):
    daemon.create("signed", CODE)
    path = daemon.open_url("signed", auth="AWS_IAM") + "a%20b?x=1&y=%C3%BC"
    assert daemon.get(path)[0] == 403
    event = event_of(daemon, path, headers=sign(daemon, "GET", path))
    assert event["requestContext"]["accountId"] == "000000000000"
    assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == daemon.keys()[0]
    assert daemon.keys()[1] not in json.dumps(event)
    body = b'{"k": "v"}' * 1000
    headers = sign(daemon, "POST", path, body, {"Content-Type": "application/json"})
    assert event_of(daemon, path, method="POST", body=body, headers=headers)["body"] == body.decode()


@pytest.mark.parametrize("broken", ["secret", "region", "path", "body", "method", "header"])
def test_a_signature_of_something_else_is_403(daemon, broken):
    daemon.create(f"iam-{broken}", CODE)
    path = daemon.open_url(f"iam-{broken}", auth="AWS_IAM")
    headers = sign(daemon, "POST", path + ("x" if broken == "path" else ""), b"body", {"X-Amz-Meta-A": "1"},
                   secret="s" * 40 if broken == "secret" else None,
                   region="eu-west-1" if broken == "region" else "us-east-1")
    if broken == "header":
        headers["X-Amz-Meta-A"] = "2"
    method = "PUT" if broken == "method" else "POST"
    body = b"BODY" if broken == "body" else b"body"
    status, _, answer = daemon.get(path, method=method, body=body, headers=headers)
    assert status == 403 and json.loads(answer)["message"]


# --- CORS ---


def test_cors_is_answered_by_the_gateway(daemon):
    daemon.create("cors", CODE)
    path = daemon.open_url("cors", Cors={
        "AllowOrigins": ["https://a.example", "http://*"], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["x-one"],
        "ExposeHeaders": ["x-two"], "MaxAge": 60, "AllowCredentials": True})
    ask = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-one"}
    status, headers, body = daemon.get(path, method="OPTIONS", headers={"Origin": "https://a.example", **ask})
    assert status in (200, 204) and body == b""
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert "PUT" in headers["access-control-allow-methods"] and headers["access-control-max-age"] == "60"
    assert headers["access-control-allow-headers"] == "x-one"
    assert headers["access-control-allow-credentials"] == "true"
    status, headers, _ = daemon.get(path, headers={"Origin": "http://any.example"})
    assert status == 200 and headers["access-control-allow-origin"] == "http://any.example"
    assert headers["access-control-expose-headers"] == "x-two"
    for method in ("GET", "OPTIONS"):
        _, headers, _ = daemon.get(path, method=method, headers={"Origin": "https://b.example", **ask})
        assert not [name for name in headers if name.startswith("access-control-")]


def test_without_cors_a_preflight_is_the_functions(daemon, url):
    event = event_of(daemon, url, method="OPTIONS", headers={
        "Origin": "https://a.example", "Access-Control-Request-Method": "PUT"})
    assert event["requestContext"]["http"]["method"] == "OPTIONS"


# --- streams ---


@pytest.fixture(name="closed")
def _closed():
    with gate.Gate() as made:
        yield made


@NODE
def test_the_first_byte_of_a_stream_comes_before_its_end(daemon, closed):
    daemon.create("gated-stream", {**STREAM, **closed.files}, runtime="nodejs20.x", handler="index.handler",
                  Timeout=60, Environment=closed.environment)
    stream = daemon.open_url("gated-stream", "RESPONSE_STREAM")
    connection = daemon.connect()
    connection.request("GET", stream + "?do=gate")
    answer = connection.getresponse()
    assert answer.status == 202 and answer.getheader("x-own") == "yes"
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert answer.getheader("transfer-encoding") == "chunked"
    assert answer.read(6) == b"first\n"
    closed.open()
    assert answer.read() == b"last\n"
    # The same connection serves on.
    connection.request("GET", stream)
    assert connection.getresponse().read() == b"first\nlast\n"
    connection.close()


@NODE
def test_a_long_stream_arrives_whole(daemon, stream):
    status, _, body = daemon.get(stream + "?do=large&bytes=50000000")
    assert status == 202 and len(body) == 50_000_000 and body.count(b"x") == len(body)


@NODE
def test_a_stream_that_fails_early_is_502_and_late_is_cut_off(daemon, stream):
    assert daemon.get(stream + "?do=early")[0] == 502
    with Wire(daemon) as wire:
        wire.send(get_line(stream, "?do=late"))
        while wire._more():
            pass
        assert b"first\n" in wire.held and not wire.held.endswith(b"0\r\n\r\n")
    assert daemon.get(stream)[0] == 202


@NODE
def test_a_stream_for_an_old_client_ends_with_the_connection(daemon, stream):
    with Wire(daemon) as wire:
        wire.send(get_line(stream, "", "HTTP/1.0"))
        while wire._more():
            pass
        head, _, body = wire.held.partition(b"\r\n\r\n")
        assert b"transfer-encoding" not in head.lower() and body == b"first\nlast\n"


# --- connections ---


def test_one_connection_serves_many_requests(daemon, url):
    connection = daemon.connect()
    connection.connect()
    ours = connection.sock.getsockname()
    for n in range(50):
        connection.request("GET", f"{url}{n}")
        assert json.loads(connection.getresponse().read())["rawPath"] == f"/{n}"
        assert connection.sock.getsockname() == ours
    connection.close()


def test_pipelined_requests_are_answered_in_their_order(daemon, url):
    with Wire(daemon) as wire:
        wire.send("".join(get_line(f"{url}{n}", "?do=sleep&s=0.3" if n == 0 else "") for n in range(10)))
        assert wire.answer()[2] == b"slept"
        assert [json.loads(wire.answer()[2])["rawPath"] for _ in range(9)] == [f"/{n}" for n in range(1, 10)]


def test_connection_close_and_http_1_0_close(daemon, url):
    for request in (get_line(url, "", "HTTP/1.1", "Connection: close"), get_line(url, "", "HTTP/1.0")):
        with Wire(daemon) as wire:
            wire.send(request)
            assert wire.answer()[0] == 200
            assert wire.is_closed()


def test_expect_is_answered_before_the_body(daemon, url):
    with Wire(daemon) as wire:
        head = f"POST {url} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n"
        wire.send(head + "Content-Length: 4\r\n\r\n")
        assert wire.answer()[0] == 100
        wire.send("body")
        assert json.loads(wire.answer()[2])["body"] == "body"
        # Too large: no 100, the client need not send it.
        wire.send(head + "Content-Length: 70000000\r\n\r\n")
        assert wire.answer()[0] == 413
    with Wire(daemon) as wire:
        wire.send(f"POST {url} HTTP/1.1\r\nHost: a\r\nExpect: magic\r\nContent-Length: 4\r\n\r\n")
        assert wire.answer()[0] == 417


def test_a_request_without_host_or_with_two_is_400(daemon, url):
    for head in (f"GET {url} HTTP/1.1\r\n\r\n", f"GET {url} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"):
        with Wire(daemon) as wire:
            wire.send(head)
            assert wire.answer()[0] == 400
            assert wire.is_closed()


def test_headers_beyond_the_limit_are_refused(daemon, url):
    for line in ("X-Long: " + "x" * 100_000, "\r\n".join(f"X-{n}: 1" for n in range(2000))):
        with Wire(daemon) as wire:
            wire.send(get_line(url, "", "HTTP/1.1", line))
            assert wire.answer()[0] == 431
    with Wire(daemon) as wire:
        wire.send(get_line(url, "?" + "x" * 100_000))
        assert wire.answer()[0] in (414, 431)


def gated_url(daemon, closed, name):
    daemon.create(name, {**CODE, **closed.files}, Timeout=60, Environment=closed.environment)
    return daemon.open_url(name)


def test_a_client_that_leaves_does_not_stop_the_function(daemon, closed):
    url = gated_url(daemon, closed, "left")
    with Wire(daemon) as wire:
        wire.send(get_line(url, "?do=gate&mark=left-behind"))
        closed.wait()
        # Reset, not closed: the daemon learns of it at once.
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_until(lambda: [line for line in access_lines(daemon) if "mark=left-behind" in line],
               "the line of the access log")
    line, = [line for line in access_lines(daemon) if "mark=left-behind" in line]
    assert '" 499 ' in line
    closed.open()
    wait_until(lambda: "still here: left-behind" in logged(daemon, "left"), "its line")
    assert daemon.get(url)[0] == 200


def test_slow_functions_do_not_hold_up_others(daemon, closed):
    url = gated_url(daemon, closed, "held")
    with Wire(daemon) as slow:
        slow.send(get_line(url, "?do=gate&mark=slow"))
        closed.wait()
        for _ in range(5):
            assert daemon.get(url)[0] == 200
        closed.open()
        assert slow.answer()[2] == b"gone on"


def test_a_function_beyond_its_timeout_is_502(daemon):
    daemon.create("late", CODE, Timeout=1)
    path = daemon.open_url("late")
    began = time.monotonic()
    assert daemon.get(path + "?do=sleep&s=60")[0] == 502
    assert time.monotonic() - began > 0.9
    assert daemon.get(path)[0] == 200


# --- the access log ---


def access_lines(daemon):
    path = daemon.data / "access.log"
    return path.read_text().splitlines() if path.exists() else []


def logged(daemon, name):
    events = daemon.boto("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return "".join(event["message"] for event in events)


def test_what_is_no_request_is_a_line_of_the_access_log_too(daemon):
    for bytes_, line in [
            (b"GET /no-host HTTP/1.1\r\n\r\n", '"GET /no-host HTTP/1.1" 400 # "-" "-" - - # "There is no Host."'),
            (b"\x16\x03\x01 hello", '"- - HTTP/1.1" 400 # "-" "-" - - # "This is not HTTP."'),
            (b"GET /long HTTP/1.1\r\nX: " + b"x" * 20000,
             '"GET /long HTTP/1.1" 431 # "-" "-" - - # "The headers are too long."')]:
        with Wire(daemon) as wire:
            wire.send(bytes_)
            assert wire.answer()[0] == int(line.split('" ')[1][:3])
        pattern = re.escape(line).replace(r"\#", r"[0-9.]+")
        wait_until(lambda: any(re.fullmatch(r"127\.0\.0\.1 - - \[[^]]+\] " + pattern, there)
                               for there in access_lines(daemon)), pattern)


def test_each_request_is_one_line_of_the_access_log(daemon, url):
    headers = {"User-Agent": 'mark-1 "quoted"\t', "Referer": "http://from/"}
    answer = daemon.get(url + "logged?do=size&bytes=5", headers=headers)
    wait_until(lambda: any("/logged?" in line for line in access_lines(daemon)), "the line")
    line, = [line for line in access_lines(daemon) if "/logged?" in line]
    match = re.fullmatch(
        r'(\S+) - (\S+) \[([^]]+)\] "GET (\S+) HTTP/1\.1" 200 5 "http://from/" "(.*)" (\S+) (\S+) (\d+\.\d+)', line)
    assert match, line
    assert match[1] in ("127.0.0.1", "::1") and match[2] == "-" and match[4] == url + "logged?do=size&bytes=5"
    assert '"' not in match[5] and r"\x22" in match[5]
    assert match[6] == "f" and match[7] == answer[1]["x-amzn-requestid"]
