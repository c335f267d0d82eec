# SPDX-License-Identifier: Apache-2.0
"""Whom the daemon calls because of a URL that somebody configured: API destinations, where they get
their tokens, issuers of tokens. Private addresses only if a setting lists them."""
import http.server
import json
import threading
import time
import uuid

import pytest

from support.issuer import Issuer, Key

DEADLINE_S = 20
# Where the daemon itself, or what is beside it, could be reached by another name.
SPELLINGS = ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost", "0.0.0.0")


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Counts who comes. /away leads on to itself."""
    protocol_version = "HTTP/1.1"
    asked = []

    def do_POST(self):
        Endpoint.asked.append(self.path)
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = json.dumps({"access_token": "t"}).encode()
        self.send_response(302 if self.path == "/away" else 200)
        if self.path == "/away":
            self.send_header("Location", "/arrived")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def port():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def connect(daemon, auth, kind):
    name = f"c-{uuid.uuid4().hex[:8]}"
    return name, daemon.boto("events").create_connection(
        Name=name, AuthorizationType=kind, AuthParameters=auth)["ConnectionArn"]


def basic(daemon):
    return connect(daemon, {"BasicAuthParameters": {"Username": "u", "Password": "p"}}, "BASIC")[1]


def deliver(daemon, url, connection):
    """Why an event did not get to the URL: the attributes of its dead letter."""
    events, sqs, name = daemon.boto("events"), daemon.boto("sqs"), f"d-{uuid.uuid4().hex[:8]}"
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    destination = events.create_api_destination(
        Name=name, ConnectionArn=connection, InvocationEndpoint=url,
        HttpMethod="POST")["ApiDestinationArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{
        "Id": "1", "Arn": destination, "RetryPolicy": {"MaximumRetryAttempts": 0},
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:000000000000:{name}"}}])
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": "{}"}])
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        for letter in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5,
                                          MessageAttributeNames=["All"]).get("Messages", ()):
            return {key: value["StringValue"]
                    for key, value in letter["MessageAttributes"].items()}
    raise AssertionError("no dead letter came")


def test_an_api_destination_has_a_public_address(daemon, port):
    connection, before = basic(daemon), len(Endpoint.asked)
    for host in SPELLINGS + ("169.254.169.254", "10.0.0.1"):
        told = deliver(daemon, f"http://{host}:{port}/secret?key=hush", connection)
        assert told["ERROR_CODE"] == "CONNECTION_FAILURE", (host, told)
        assert "upstream-networks" in told["ERROR_MESSAGE"], (host, told)
    assert len(Endpoint.asked) == before
    log = daemon.log_text()
    assert "see the setting upstream-networks" in log and "hush" not in log


def oauth(daemon, url):
    """What became of a connection that gets its tokens there."""
    name, _ = connect(daemon, {"OAuthParameters": {
        "AuthorizationEndpoint": url, "HttpMethod": "POST",
        "ClientParameters": {"ClientID": "id", "ClientSecret": "hush"}}},
        "OAUTH_CLIENT_CREDENTIALS")
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        told = daemon.boto("events").describe_connection(Name=name)
        if told["ConnectionState"] != "AUTHORIZING":
            return told
    raise AssertionError("nothing became of the connection")


def test_tokens_of_a_connection_are_got_at_a_public_address(daemon, port):
    before = len(Endpoint.asked)
    for host in SPELLINGS:
        told = oauth(daemon, f"http://{host}:{port}/token")
        assert told["ConnectionState"] == "DEAUTHORIZED", host
        assert "upstream-networks" in told["StateReason"], host
    assert len(Endpoint.asked) == before


def ask_with_token(daemon, issuer, url):
    name = f"f-{uuid.uuid4().hex[:8]}"
    daemon.create(name, {"main.py": "def handler(event, context):\n    return 'in'\n",
                         "function.yaml": f"http:\n  route: GET /{name}\n  authorizer:\n"
                                          f"    issuer: {url}\n    audience: pets\n"})
    status, headers, _ = daemon.get(f"/{name}", headers={
        "Authorization": issuer.token(iss=url)})
    return status, headers.get("www-authenticate", "")


@pytest.fixture
def issuer():
    made = Issuer(Key("one"))
    yield made
    made.stop()


def test_keys_of_an_issuer_are_fetched_at_a_public_address(daemon, issuer):
    for host in ("127.0.0.1", "localhost", "127.1"):
        url = issuer.url.replace("127.0.0.1", host)
        status, why = ask_with_token(daemon, issuer, url)
        assert status == 401 and "cannot be fetched" in why, host
    assert issuer.asked == []
    assert "an issuer's keys may not be fetched from its address: see the setting " \
           "upstream-networks" in daemon.log_text()


def test_a_setting_lists_what_is_called_beside_public_addresses(make_daemon, port, issuer):
    daemon = make_daemon("--upstream-networks", "127.0.0.0/8")
    assert oauth(daemon, f"http://127.0.0.1:{port}/token")["ConnectionState"] == "AUTHORIZED"
    assert ask_with_token(daemon, issuer, issuer.url)[0] == 200
    connection = basic(daemon)
    # A redirect is an answer like any other: nobody goes where it leads.
    told = deliver(daemon, f"http://127.0.0.1:{port}/away", connection)
    assert told["ERROR_MESSAGE"] == "The API destination answered with status 302."
    assert "/away" in Endpoint.asked and "/arrived" not in Endpoint.asked
    # Listed or not, the daemon does not call itself.
    for own in (daemon.api, daemon.gateway):
        told = deliver(daemon, own + "/", connection)
        assert told["ERROR_CODE"] == "CONNECTION_FAILURE"
        assert "the daemon's own" in told["ERROR_MESSAGE"]
        assert oauth(daemon, own + "/")["ConnectionState"] == "DEAUTHORIZED"
