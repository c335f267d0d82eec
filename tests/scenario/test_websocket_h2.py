# SPDX-License-Identifier: Apache-2.0
"""WebSockets through HTTP/2 (RFC 8441): a client library, frames by hand, and a browser."""
import http.server
import json
import shutil
import struct
import subprocess
import threading
import urllib.parse

import botocore.exceptions
import pytest
import websocket

import certificates
import chat
import h2_websocket
from evoke_daemon import Daemon
from h2_frames import (DATA, END_HEADERS, END_STREAM, HEADERS, RST, SETTINGS, WINDOW, Connection, field,
                       frame, head, request)

CHROMIUM = shutil.which("chromium")
CONNECT_PROTOCOL = 8  # SETTINGS_ENABLE_CONNECT_PROTOCOL


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers when it is let go."""
    protocol_version = "HTTP/1.1"
    go = threading.Event()

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.go.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"waited")

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    Upstream.go.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    Upstream.go.set()
    server.shutdown()


def waiting_api(site, upstream, *keys):
    """An API whose routes wait for the upstream, beside one that echoes."""
    client = site.daemon.boto("apigatewayv2")
    api = client.create_api(Name="waiting", ProtocolType="WEBSOCKET",
                            RouteSelectionExpression="$request.body.action")["ApiId"]
    target = "integrations/" + client.create_integration(
        ApiId=api, IntegrationType="HTTP", IntegrationMethod="POST", IntegrationUri=upstream)["IntegrationId"]
    for key in keys:
        client.create_route(ApiId=api, RouteKey=key, Target=target, RouteResponseSelectionExpression="$default")
    client.create_stage(ApiId=api, StageName="dev", AutoDeploy=True)
    return f"/apis/{api}/dev"


def open_api(site):
    """An API that lets everybody in and asks nobody: what floods cost is the protocol's."""
    client = site.daemon.boto("apigatewayv2")
    api = client.create_api(Name="open", ProtocolType="WEBSOCKET",
                            RouteSelectionExpression="$request.body.action")["ApiId"]
    client.create_stage(ApiId=api, StageName="dev", AutoDeploy=True)
    return f"/apis/{api}/dev"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A daemon of one shard, so that everybody meets, and the API of chat.Chat."""
    folder = tmp_path_factory.mktemp("h2_sockets")
    ca = certificates.Authority(folder / "ca")
    ca.issue(folder / "certificates", "localhost")
    daemon = Daemon(folder / "data", "--gateway-tls", "127.0.0.1:0", "--tls-certificates",
                    folder / "certificates", "--shards", "1", "--upstream-networks", "private")
    daemon.start()
    try:
        made = chat.Chat(daemon)
        made.ca = ca.crt
        made.client.create_route(ApiId=made.api, RouteKey="tell", Target=made.target)
        made.tls = json.loads((daemon.data / "daemon.json").read_text())["gateway-tls"]
        yield made
    finally:
        daemon.stop()


def open_client(site, tls=True):
    parts = urllib.parse.urlsplit(site.tls if tls else site.daemon.gateway)
    return h2_websocket.Client(parts.hostname, parts.port, site.ca if tls else None)


@pytest.fixture
def client(site):
    with open_client(site) as client:
        yield client


def path_of(site, query=""):
    return f"/apis/{site.api}/dev{query}"


def connect_head(path, *fields, protocol="websocket"):
    return (field(":protocol", protocol) + head(path, "CONNECT", *(fields or [("sec-websocket-version", "13")])))


def by_hand(site):
    parts = urllib.parse.urlsplit(site.daemon.gateway)
    return Connection(parts.hostname, parts.port)


def masked(payload, opcode=websocket.ABNF.OPCODE_TEXT):
    return websocket.ABNF.create_frame(payload, opcode).format()


# --- what a client library sees ---

def test_it_is_offered_by_the_gateway_alone(site, client):
    assert client.settings()[CONNECT_PROTOCOL] == 1
    parts = urllib.parse.urlsplit(site.daemon.api)
    with Connection(parts.hostname, parts.port) as api:
        _, payload = api.until(SETTINGS)
        assert struct.pack(">HI", CONNECT_PROTOCOL, 1) not in payload
        api.send(frame(HEADERS, 1, connect_head("/"), END_HEADERS))
        assert api.until(RST, 1) or api.until(HEADERS, 1)


@pytest.mark.parametrize("tls", [True, False])
def test_messages_pass_beside_requests_and_other_sockets(site, tls):
    with open_client(site, tls) as client:
        first = client.connect(path_of(site, f"?user=ann-{tls}&protocol=1"), subprotocols="chat, other")
        assert first.status == 200 and first.headers["sec-websocket-protocol"] == "chat"
        assert "sec-websocket-accept" not in first.headers
        event = site.came(f"ann-{tls}")
        second = client.connect(path_of(site, f"?user=bob-{tls}"))
        other = site.came(f"bob-{tls}")["requestContext"]["connectionId"]
        status, _, body = client.get(f"/apis/{site.api}/dev")
        assert status == 426, body
        for socket, text in ((first, "1"), (second, "2"), (first, "3")):
            message = json.dumps({"action": "echo", "text": text * 20000})
            socket.send(message)
            assert socket.receive() == "echo " + message
        first.send("ping", websocket.ABNF.OPCODE_PING)
        assert first.receive_frame() == (websocket.ABNF.OPCODE_PONG, b"ping")
        site.manage().post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data=b"to you")
        assert first.receive() == "to you"
        second.close(4002)
        assert site.gone(other)["requestContext"]["disconnectStatusCode"] == 4002
        first.end()  # as a connection that breaks
        assert site.gone(event["requestContext"]["connectionId"])["requestContext"]["disconnectStatusCode"] == 1006


def test_frames_that_came_before_the_answer_are_not_lost(site, client):
    """A client that knows the answer need not wait; $connect runs first."""
    early = client.connect(path_of(site), early=masked('{"action": "echo"}'))
    assert early.status == 200
    assert early.receive() == 'echo {"action": "echo"}'
    early.close()


@pytest.mark.parametrize("query, status", [("?status=403", 403), ("?fail=1", 502)])
def test_a_connection_can_be_refused(site, client, query, status):
    assert client.connect(path_of(site, query)).status == status
    socket = client.connect(path_of(site))
    assert socket.status == 200
    socket.close()


def test_frames_are_held_to_the_limits(site, client):
    for payload, opcode, code in ((b"raw", websocket.ABNF.OPCODE_BINARY, 1003),
                                  ("x" * (33 << 10), websocket.ABNF.OPCODE_TEXT, 1009)):
        socket = client.connect(path_of(site))
        socket.send(payload, opcode)
        opcode, said = socket.receive_frame()
        assert (opcode, said[:2]) == (websocket.ABNF.OPCODE_CLOSE, code.to_bytes(2, "big"))
        assert socket.is_ended()


def test_only_websocket_apis_take_tunnels(site, client):
    """A function that cannot speak WebSocket is not run by a client that would take any answer."""
    site.daemon.create("plain", {"main.py": "def handler(event, context):\n    return 'ran'\n"})
    url = site.daemon.open_url("plain")
    assert client.get(url)[2] == b"ran"
    for path, more, status in ((url, {}, 501), ("/events", {}, 404), (path_of(site, "") + "/deeper", {}, 404),
                               (path_of(site), {"protocol": "connect-udp"}, 501),
                               (path_of(site), {"version": "8"}, 426)):
        assert client.connect(path, **more).status == status, path
    assert client.connect(path_of(site)).status == 200


# --- floods and slow ones ---

def test_a_slow_client_holds_little_and_gets_what_fits(site):
    """It gives no window: what waits for it is bounded, and who sends more is told so."""
    with open_client(site) as client, open_client(site) as other:
        slow = client.connect(path_of(site, "?user=slow"))
        quick = other.connect(path_of(site, "?user=quick"))
        ids = [site.came(user)["requestContext"]["connectionId"] for user in ("slow", "quick")]
        client.hold_windows()
        sent, refused = 0, None
        while refused is None and sent < 100:
            try:
                site.manage().post_to_connection(ConnectionId=ids[0], Data=b"x" * 30000)
                sent += 1
            except botocore.exceptions.ClientError as error:
                refused = error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert refused == 429 and 2 <= sent < 10
        site.manage().post_to_connection(ConnectionId=ids[1], Data=b"to the quick")
        assert quick.receive() == "to the quick"
        client.widen_windows()
        for _ in range(sent):
            assert slow.receive() == "x" * 30000
        site.manage().post_to_connection(ConnectionId=ids[0], Data=b"again")
        assert slow.receive() == "again"
        slow.close()
        quick.close()


def test_a_client_that_sends_too_much_has_to_wait(site, upstream):
    """Of 32 calls under way nothing more is read: the stream's window closes, others' do not."""
    path = waiting_api(site, upstream, "wait")
    with open_client(site) as client:
        socket = client.connect(path)
        message = masked(json.dumps({"action": "wait", "text": "x" * 4000}))
        sent = 0
        while client.window(socket) >= len(message) and sent < 200:
            socket.send_raw(message)
            sent += 1
            client.take_what_is_there()
        assert 33 <= sent < 100, "nobody stopped it"
        quick = client.connect(path_of(site))
        quick.send('{"action": "echo"}')
        assert quick.receive() == 'echo {"action": "echo"}'
        Upstream.go.set()
        for _ in range(sent):
            assert socket.receive() == "waited"
        quick.close()
        socket.close()


FLOODS = {
    "tunnels that are reset": lambda n, path: frame(HEADERS, n, connect_head(path), END_HEADERS) +
                                              frame(RST, n, struct.pack(">I", 8)),
    "tunnels with a body": lambda n, path: frame(HEADERS, n, connect_head(path), END_HEADERS | END_STREAM),
    "tunnels to nowhere": lambda n, path: frame(HEADERS, n, connect_head("/nowhere"), END_HEADERS) +
                                          frame(RST, n, struct.pack(">I", 8)),
}


def test_clients_that_leave_while_connect_runs_harm_nobody(site):
    """Its function goes on; what it says is nobody's. Few: each starts an instance."""
    with by_hand(site) as hand:
        hand.send(*[FLOODS["tunnels that are reset"](2 * n + 1, path_of(site, f"?user=left-{n}"))
                    for n in range(10)])
        for n in range(10):
            site.came(f"left-{n}")
        hand.send(request(101, f"/apis/{site.api}/dev"))
        assert hand.until(HEADERS, 101)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_tunnels_is_ended(site, name):
    path = open_api(site)
    with by_hand(site) as hand:
        count = hand.flood(lambda n: b"".join(FLOODS[name](2 * (10 * n + k) + 1, path)
                                              for k in range(10)), seconds=30)
        assert count < 5000
    with open_client(site) as client:
        socket = client.connect(path)
        assert socket.status == 200
        socket.close()


def test_who_sends_beyond_the_window_is_ended(site, upstream):
    """More than a tunnel's window before its answer: nobody keeps that."""
    path = waiting_api(site, upstream, "$connect")
    with by_hand(site) as hand:
        hand.send(frame(HEADERS, 1, connect_head(path), END_HEADERS))
        hand.flood(frame(DATA, 1, b"x" * 16000), seconds=30)


def test_pings_of_a_client_that_does_not_read_pile_up_nowhere(site):
    """A pong for each would be held for it; they are left out instead."""
    with by_hand(site) as hand:
        hand.send(frame(HEADERS, 1, connect_head(open_api(site)), END_HEADERS))
        assert hand.until(HEADERS, 1)
        ping = masked(b"x" * 125, websocket.ABNF.OPCODE_PING)
        total = 0
        for _ in range(200):  # 20 times what the answers' window takes
            hand.send(frame(DATA, 1, ping * 48))
            total += len(ping) * 48
            while total > 40000:
                kind, _, stream, payload = next(hand.frames())
                if kind == WINDOW and stream == 1:
                    total -= struct.unpack(">I", payload)[0]
        hand.send(frame(WINDOW, 0, struct.pack(">I", 1 << 24)), frame(WINDOW, 1, struct.pack(">I", 1 << 24)))
        hand.send(frame(DATA, 1, masked(struct.pack(">H", 1000), websocket.ABNF.OPCODE_CLOSE)))
        pongs = 0
        for kind, flags, stream, payload in hand.frames():
            if kind == DATA and stream == 1:
                pongs += len(payload)
                if flags & END_STREAM:
                    break
        assert pongs < 1 << 20


# --- the end ---

def goodbye(frames, stream):
    """The payload of a tunnel's DATA up to its end."""
    said = b""
    for kind, flags, number, payload in frames:
        if kind == DATA and number == stream:
            said += payload
            if flags & END_STREAM:
                return said
    raise AssertionError("the connection ended first")


def test_silent_clients_and_a_stopping_daemon_say_goodbye(make_daemon):
    """By hand: the library takes nothing any more after GOAWAY."""
    daemon = make_daemon("--websocket-idle", 2, "--shards", 1)
    made = chat.Chat(daemon)
    path = open_api(made)
    with by_hand(made) as hand:
        hand.send(frame(HEADERS, 1, connect_head(path), END_HEADERS))
        said = goodbye(hand.frames(), 1)
        assert said[:1] == b"\x88" and said[2:4] == (1001).to_bytes(2, "big")
    with by_hand(made) as hand:
        hand.send(frame(HEADERS, 1, connect_head(path), END_HEADERS))
        assert hand.until(HEADERS, 1)
        daemon.process.terminate()
        said = goodbye(hand.frames(), 1)
        assert said[:1] == b"\x88" and said[2:4] == (1001).to_bytes(2, "big")


PAGE = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": '''<script>
const socket = new WebSocket("wss://" + location.host + "/apis/API/dev?user=browser");
socket.onopen = () => socket.send(JSON.stringify({action: "echo", text: "one"}));
socket.onmessage = (event) => {
  socket.send(JSON.stringify({action: "tell", heard: event.data}));
  socket.close(4003, "seen");
};
</script>'''}
"""


@pytest.mark.skipif(not CHROMIUM, reason="no chromium")
def test_a_browser_uses_the_connection_that_the_page_came_by(site, tmp_path):
    site.daemon.create("page", {"main.py": PAGE.replace("API", site.api)})
    url = site.tls.replace("127.0.0.1", "localhost") + site.daemon.open_url("page")
    browser = subprocess.Popen(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--ignore-certificate-errors", "--remote-debugging-port=0", f"--user-data-dir={tmp_path}/profile", url],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        event = site.came("browser")
        connection = event["requestContext"]["connectionId"]
        told = site.find(lambda event: event["requestContext"]["routeKey"] == "tell")
        gone = site.gone(connection)
    finally:
        browser.terminate()
        browser.wait()
    assert json.loads(told["body"])["heard"] == 'echo {"action":"echo","text":"one"}'
    assert gone["requestContext"]["disconnectStatusCode"] == 4003
    # By HTTP/1.1 it would have come with these.
    names = {name.lower() for name in event["headers"]}
    assert "sec-websocket-version" in names and "sec-websocket-key" not in names
