# SPDX-License-Identifier: Apache-2.0
"""HTTP_PROXY integrations: APIs in front of real servers."""
import http.server
import json
import ssl
import threading

import pytest

import certificates


class Upstream(http.server.BaseHTTPRequestHandler):
    """Tells what it was asked, or does what the path says."""
    protocol_version = "HTTP/1.1"
    held = threading.Event()
    asked = 0

    def answer(self):
        Upstream.asked += 1
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/wait":
            self.held.wait(20)
            self.close_connection = True
            return
        if self.path == "/move":
            self.send(302, b"", ("Location", "http://169.254.169.254/"))
        elif self.path == "/large":
            self.send(200, b"x" * (10 * 1024 * 1024 + 1))
        elif self.path == "/most":
            self.send(200, b"x" * (10 * 1024 * 1024))
        elif self.path == "/leak":
            self.send(200, b"You have an error in your SQL syntax; check the manual that corresponds "
                           b"to your MySQL server version", ("Content-Type", "text/html"))
        elif self.path == "/unsaid":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"2\r\nhi\r\n0\r\n\r\n")
        elif self.path == "/split":
            self.send(200, b"", ("X-Good", "1"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"),
                      ("Keep-Alive", "timeout=5"), ("Connection", "X-Hop"), ("X-Hop", "1"))
        else:
            told = {"method": self.command, "path": self.path, "body": body.decode(),
                    "headers": {name.lower(): value for name, value in self.headers.items()}}
            self.send(200, json.dumps(told).encode(), ("Content-Type", "application/json"))

    def send(self, status, body, *headers):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = answer

    def log_message(self, *_):
        pass


def serve(context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def upstream():
    server = serve()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Upstream.held.set()
    server.shutdown()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upstream")
    authority = certificates.Authority(folder)
    return authority.crt, *authority.issue(folder, "upstream", "upstream.example")


@pytest.fixture
def daemon(make_daemon, certificate):
    return make_daemon("--upstream-networks", "private", "--upstream-ca", certificate[0])


def call(daemon, path, method="GET", body=None, headers=None):
    connection = daemon.connect()
    connection.request(method, path, body=body, headers=headers or {})
    response = connection.getresponse()
    return response, response.read()


def make_api(daemon, uri, *keys, method="ANY", variables=None, **more):
    gateway = daemon.boto("apigatewayv2")
    made = gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=made, IntegrationType="HTTP_PROXY", IntegrationUri=uri, IntegrationMethod=method,
        PayloadFormatVersion="1.0", **more)["IntegrationId"]
    for key in keys:
        gateway.create_route(ApiId=made, RouteKey=key, Target="integrations/" + integration)
    gateway.create_stage(ApiId=made, StageName="$default", AutoDeploy=True,
                         StageVariables=variables or {})
    return made


def test_requests_go_on_to_the_url(daemon, upstream):
    made = make_api(daemon, upstream + "/v1/${stageVariables.base}/{proxy}?k=1", "ANY /{proxy+}",
                    variables={"base": "pets"})
    response, body = call(daemon, f"/apis/{made}/a%20b/c?x=%41&y", method="PUT", body="hello",
                          headers={"X-Mine": "1", "X-Forwarded-For": "1.2.3.4",
                                   "Authorization": "Bearer t", "Content-Type": "text/plain"})
    told = json.loads(body)
    assert response.status == 200 and response.headers["content-type"] == "application/json"
    assert (told["method"], told["path"]) == ("PUT", "/v1/pets/a%20b/c?k=1&x=%41&y")
    assert told["body"] == "hello" and told["headers"]["content-type"] == "text/plain"
    assert told["headers"]["x-mine"] == "1" and told["headers"]["authorization"] == "Bearer t"
    assert told["headers"]["host"] == upstream.removeprefix("http://")
    assert "x-forwarded-for" not in told["headers"] and "user-agent" not in told["headers"]
    assert told["headers"]["forwarded"].startswith("by=_evoke;for=127.0.0.1;host=")
    assert told["headers"]["via"] == "HTTP/1.1 AmazonAPIGateway"
    assert told["headers"]["traceparent"] and told["headers"]["x-amzn-trace-id"]
    for method in ("GET", "POST", "DELETE", "PATCH", "OPTIONS"):
        assert json.loads(call(daemon, f"/apis/{made}/m", method=method)[1])["method"] == method


def test_a_method_of_its_own_and_mapped_parameters(daemon, upstream):
    made = make_api(
        daemon, upstream + "/old", "GET /x/{id}", method="POST",
        RequestParameters={"append:header.x-id": "$request.path.id", "overwrite:path": "/new/${request.path.id}",
                           "append:querystring.stage": "$context.stage"},
        ResponseParameters={"200": {"overwrite:statuscode": "202",
                                    "append:header.x-path": "$response.body.path"}})
    response, body = call(daemon, f"/apis/{made}/x/7?q=1")
    told = json.loads(body)
    assert (told["method"], told["path"]) == ("POST", "/new/7?q=1&stage=%24default")
    assert told["headers"]["x-id"] == "7" and response.status == 202
    assert response.headers["x-path"] == "/new/7?q=1&stage=%24default"


def test_answers_are_passed_on_but_for_what_is_the_connections(daemon, upstream):
    made = make_api(daemon, upstream + "/{proxy}", "ANY /{proxy+}")
    response, body = call(daemon, f"/apis/{made}/split")
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert response.headers["x-good"] == "1" and response.headers["apigw-requestid"]
    for name in ("x-hop", "keep-alive", "content-type"):
        assert response.headers[name] is None
    response, body = call(daemon, f"/apis/{made}/move")
    assert (response.status, response.headers["location"]) == (302, "http://169.254.169.254/")
    assert len(call(daemon, f"/apis/{made}/most")[1]) == 10 * 1024 * 1024
    response, body = call(daemon, f"/apis/{made}/large")
    assert (response.status, json.loads(body)) == (500, {"message": "Internal Server Error"})


def test_the_length_of_what_head_asks_about_is_passed_on(daemon, upstream):
    made = make_api(daemon, upstream + "/{proxy}", "ANY /{proxy+}")
    response, body = call(daemon, f"/apis/{made}/most", method="HEAD")
    assert (response.headers["content-length"], body) == ("10485760", b"")
    response, body = call(daemon, f"/apis/{made}/split", method="HEAD")
    assert (response.headers["content-length"], body) == ("0", b"")
    response, body = call(daemon, f"/apis/{made}/unsaid", method="HEAD")
    assert (response.headers["content-length"], body) == (None, b"")
    assert call(daemon, f"/apis/{made}/unsaid")[1] == b"hi"


def test_answers_are_held_against_the_firewall(daemon, upstream):
    made = make_api(daemon, upstream + "/{proxy}", "ANY /{proxy+}")
    guard = {"waf": {"mode": "block", "response": "body"}}
    status, answer = daemon.signed("PUT", f"/_evoke/apis/{made}/guard", guard, "apigateway")
    assert status == 200, answer
    response, body = call(daemon, f"/apis/{made}/fine?x=1", headers={"User-Agent": "curl/8"})
    assert response.status == 200 and json.loads(body)["path"] == "/fine?x=1"
    assert call(daemon, f"/apis/{made}/leak", headers={"User-Agent": "curl/8"})[0].status == 403
    response, body = call(daemon, f"/apis/{made}/most", method="HEAD", headers={"User-Agent": "curl/8"})
    assert (response.status, response.headers["content-length"], body) == (200, "10485760", b"")


def test_what_does_not_answer_is_unavailable(daemon, upstream):
    made = make_api(daemon, upstream + "/wait", "GET /x", TimeoutInMillis=200)
    for api in (made, make_api(daemon, "http://127.0.0.1:1/", "GET /x")):
        response, body = call(daemon, f"/apis/{api}/x")
        assert (response.status, json.loads(body)) == (503, {"message": "Service Unavailable"})


def test_https_is_checked_by_the_name_that_the_integration_says(daemon, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate[1:])
    server = serve(context)
    uri = f"https://127.0.0.1:{server.server_address[1]}/path"
    try:
        wrong = make_api(daemon, uri, "GET /x")
        assert call(daemon, f"/apis/{wrong}/x")[0].status == 503
        right = make_api(daemon, uri, "GET /x", TlsConfig={"ServerNameToVerify": "upstream.example"})
        response, body = call(daemon, f"/apis/{right}/x?q=1")
        assert response.status == 200 and json.loads(body)["path"] == "/path?q=1"
        assert json.loads(body)["headers"]["host"] == f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def test_only_what_is_public_is_called_unless_a_setting_lists_it(make_daemon, upstream):
    daemon = make_daemon()
    port, before = upstream.rsplit(":", 1)[1], Upstream.asked
    for host in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::1]",
                 "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "[::]", "169.254.169.254",
                 "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1"):
        made = make_api(daemon, f"http://{host}:{port}/", "GET /x")
        response, body = call(daemon, f"/apis/{made}/x")
        assert (response.status, json.loads(body)) == (503, {"message": "Service Unavailable"}), host
    assert Upstream.asked == before
    assert "upstream-networks" in daemon.log_text()


def test_the_daemon_itself_is_never_called(daemon):
    for address in (daemon.api, daemon.gateway):
        made = make_api(daemon, address + "/", "GET /x")
        assert call(daemon, f"/apis/{made}/x")[0].status == 503
