# SPDX-License-Identifier: Apache-2.0
"""Events put into buses and what their rules' targets get, through boto3, the AWS CLI and
HTTP."""
import http.client
import http.server
import json
import os
import subprocess
import threading
import time
import urllib.parse
import uuid

import pytest

DAEMON_OPTIONS = ("--upstream-networks", "private")
ACCOUNT, REGION = "000000000000", "us-east-1"
DEADLINE_S = 60  # for what never comes


def queue_of(daemon, name=None):
    """(URL, ARN) of a new queue."""
    name = name or f"q-{uuid.uuid4().hex[:8]}"
    url = daemon.boto("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def rule_of(daemon, *targets, pattern=None, bus="default", name=None):
    events = daemon.boto("events")
    name = name or f"r-{uuid.uuid4().hex[:8]}"
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    answer = events.put_targets(Rule=name, EventBusName=bus, Targets=list(targets))
    assert answer["FailedEntryCount"] == 0, answer
    return name


def put(daemon, source, detail, bus="default", **more):
    entry = {"Source": source, "DetailType": "t", "Detail": json.dumps(detail),
             "EventBusName": bus, **more}
    answer = daemon.boto("events").put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer
    return answer["Entries"][0]["EventId"]


def receive(daemon, url, count=1):
    sqs, messages, deadline = daemon.boto("sqs"), [], time.monotonic() + DEADLINE_S
    while len(messages) < count and time.monotonic() < deadline:
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10,
                                  MessageAttributeNames=["All"]).get("Messages", [])
        delete(sqs, url, got)
        messages += got
    assert len(messages) >= count, messages
    return messages


def delete(sqs, url, messages):
    if messages:
        sqs.delete_message_batch(QueueUrl=url, Entries=[
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(messages)])


def receive_all(daemon, url):
    """What is in the queue."""
    sqs, messages = daemon.boto("sqs"), []
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        delete(sqs, url, got)
        messages += got
    return messages


def attributes(message):
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def source_name():
    return f"s-{uuid.uuid4().hex[:8]}"


class Endpoint:
    """An HTTP server that notes what it gets and answers as it is told."""

    def __init__(self):
        self.requests, self.answers = [], []
        self.arrived = threading.Condition()
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with endpoint.arrived:
                    endpoint.requests.append((self.command, self.path, dict(self.headers), body))
                    status, headers, answer = (endpoint.answers.pop(0) if endpoint.answers
                                               else (200, {}, b""))
                    endpoint.arrived.notify_all()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_PUT = do_GET = answer

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.requests) >= count, DEADLINE_S), \
                self.requests
            return self.requests[:count]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def endpoint():
    running = Endpoint()
    yield running
    running.close()


def destination_of(daemon, url, auth, kind, **more):
    """The ARN of a new API destination."""
    events, name = daemon.boto("events"), f"d-{uuid.uuid4().hex[:8]}"
    connection = events.create_connection(Name=name, AuthorizationType=kind, AuthParameters=auth)
    return events.create_api_destination(
        Name=name, ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=url,
        HttpMethod="POST", **more)["ApiDestinationArn"]


BASIC = {"BasicAuthParameters": {"Username": "user", "Password": "secret"}}


# --- queues, buses, transformations ---

def test_a_detail_that_nests_too_deeply_is_refused_by_itself(daemon):
    def nested(levels):
        return {"Source": source_name(), "DetailType": "deep",
                "Detail": '{"a":' * levels + "1" + "}" * levels}

    answer = daemon.boto("events").put_events(Entries=[nested(126), nested(127), nested(5000)])
    assert answer["FailedEntryCount"] == 2
    assert "EventId" in answer["Entries"][0]
    for entry in answer["Entries"][1:]:
        assert entry == {"ErrorCode": "MalformedDetail",
                         "ErrorMessage": "Detail nests deeper than 126."}


def test_an_event_reaches_a_queue_as_aws_writes_it(daemon):
    url, arn = queue_of(daemon)
    source = source_name()
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]})
    event_id = put(daemon, source, {"total": 7}, Resources=["a"])
    (message,) = receive(daemon, url)
    event = json.loads(message["Body"])
    assert list(event) == ["version", "id", "detail-type", "source", "account", "time", "region",
                           "resources", "detail"]
    assert event["id"] == event_id and event["detail"] == {"total": 7}
    assert event["resources"] == ["a"] and " " not in message["Body"]


def test_each_target_gets_what_its_input_says(daemon):
    url, arn = queue_of(daemon)
    source = source_name()
    transformer = {"InputPathsMap": {"t": "$.detail.total"},
                   "InputTemplate": '{"sum": <t>, "of": "<t> pieces"}'}
    rule_of(daemon, {"Id": "1", "Arn": arn, "InputPath": "$.detail"},
            {"Id": "2", "Arn": arn, "InputTransformer": transformer},
            {"Id": "3", "Arn": arn, "Input": '{"fixed": true}'}, pattern={"source": [source]})
    put(daemon, source, {"total": 7})
    bodies = [json.loads(message["Body"]) for message in receive(daemon, url, 3)]
    assert sorted(bodies, key=str) == sorted(
        [{"total": 7}, {"sum": 7, "of": "7 pieces"}, {"fixed": True}], key=str)


def test_an_event_goes_on_to_another_bus(daemon):
    events, bus = daemon.boto("events"), f"b-{uuid.uuid4().hex[:8]}"
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    url, arn = queue_of(daemon)
    source = source_name()
    rule_of(daemon, {"Id": "1", "Arn": bus_arn}, pattern={"source": [source]})
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]}, bus=bus)
    event_id = put(daemon, source, {})
    assert json.loads(receive(daemon, url)[0]["Body"])["id"] == event_id


def test_a_disabled_rule_gets_nothing(daemon):
    events = daemon.boto("events")
    url, arn = queue_of(daemon)
    source = source_name()
    rule = rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]})
    events.disable_rule(Name=rule)
    put(daemon, source, {"n": 1})
    events.enable_rule(Name=rule)
    put(daemon, source, {"n": 2})
    assert json.loads(receive(daemon, url)[0]["Body"])["detail"] == {"n": 2}


def test_the_aws_cli_puts_events(daemon):
    url, arn = queue_of(daemon)
    source = source_name()
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]})
    entries = json.dumps([{"Source": source, "DetailType": "t", "Detail": '{"by": "cli"}'}])
    done = subprocess.run(["aws", "events", "put-events", "--entries", entries, "--endpoint-url",
                           daemon.api, "--region", REGION], env={**os.environ, **daemon.env},
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(receive(daemon, url)[0]["Body"])["detail"] == {"by": "cli"}


# --- dead letters ---

def test_what_has_no_target_is_a_dead_letter_with_the_reason(daemon):
    dead_url, dead = queue_of(daemon)
    source = source_name()
    function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:nobody"
    rule = rule_of(daemon, {"Id": "1", "Arn": function, "DeadLetterConfig": {"Arn": dead},
                            "Input": "{}"}, pattern={"source": [source]})
    event_id = put(daemon, source, {})
    (message,) = receive(daemon, dead_url)
    assert json.loads(message["Body"])["id"] == event_id
    told = attributes(message)
    assert told["ERROR_CODE"] == "NO_RESOURCE" and told["TARGET_ARN"] == function
    assert told["RULE_ARN"].endswith(f":rule/{rule}") and told["RETRY_ATTEMPTS"] == "0"


# --- API destinations ---

def test_an_api_destination_is_called_as_eventbridge_calls(daemon, endpoint):
    auth = {**BASIC, "InvocationHttpParameters": {
        "HeaderParameters": [{"Key": "X-Fixed", "Value": "yes", "IsValueSecret": False}],
        "QueryStringParameters": [{"Key": "k", "Value": "a b", "IsValueSecret": False}],
        "BodyParameters": [{"Key": "extra", "Value": "1", "IsValueSecret": False}]}}
    arn = destination_of(daemon, endpoint.url + "/orders/*", auth, "BASIC")
    source = source_name()
    rule_of(daemon, {"Id": "1", "Arn": arn, "InputPath": "$.detail", "HttpParameters": {
        "PathParameterValues": ["4 2"], "HeaderParameters": {"X-Fixed": "no", "X-More": "m"}}},
        pattern={"source": [source]})
    put(daemon, source, {"total": 7})
    ((method, path, headers, body),) = endpoint.wait(1)
    assert (method, path) == ("POST", "/orders/4%202?k=a%20b")
    assert json.loads(body) == {"extra": "1", "total": 7}
    assert headers["Authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert headers["X-Fixed"] == "yes" and headers["X-More"] == "m"
    assert headers["User-Agent"] == "Amazon/EventBridge/ApiDestinations"
    assert headers["Content-Type"] == "application/json; charset=utf-8"


def test_an_api_destination_is_tried_again_and_then_given_up(daemon, endpoint):
    dead_url, dead = queue_of(daemon)
    arn = destination_of(daemon, endpoint.url, BASIC, "BASIC")
    source = source_name()
    endpoint.answers = [(503, {}, b""), (503, {}, b"")]
    rule_of(daemon, {"Id": "1", "Arn": arn, "RetryPolicy": {"MaximumRetryAttempts": 1},
                     "DeadLetterConfig": {"Arn": dead}}, pattern={"source": [source]})
    event_id = put(daemon, source, {})
    (message,) = receive(daemon, dead_url)
    assert len(endpoint.wait(2)) == 2 and len(endpoint.requests) == 2
    told = attributes(message)
    assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
    assert (told["RETRY_ATTEMPTS"], told["ERROR_CODE"]) == ("1", "ERROR_FROM_TARGET")
    assert json.loads(message["Body"])["id"] == event_id


def test_what_an_api_destination_refuses_is_not_tried_again(daemon, endpoint):
    dead_url, dead = queue_of(daemon)
    arn = destination_of(daemon, endpoint.url, BASIC, "BASIC")
    source = source_name()
    endpoint.answers = [(400, {}, b"")]
    rule_of(daemon, {"Id": "1", "Arn": arn, "DeadLetterConfig": {"Arn": dead}},
            pattern={"source": [source]})
    put(daemon, source, {})
    told = attributes(receive(daemon, dead_url)[0])
    assert told["ERROR_CODE"] == "ERROR_FROM_TARGET" and "EXHAUSTED_RETRY_CONDITION" not in told
    assert len(endpoint.requests) == 1


def test_client_credentials_get_a_token_first(daemon, endpoint):
    token = json.dumps({"access_token": "tok", "expires_in": 3600}).encode()
    endpoint.answers = [(200, {}, token), (200, {}, token)]
    auth = {"OAuthParameters": {
        "AuthorizationEndpoint": endpoint.url + "/token", "HttpMethod": "POST",
        "ClientParameters": {"ClientID": "id", "ClientSecret": "hush"}}}
    arn = destination_of(daemon, endpoint.url + "/call", auth, "OAUTH_CLIENT_CREDENTIALS")
    events, name = daemon.boto("events"), arn.split("/")[1]
    deadline = time.monotonic() + DEADLINE_S
    while events.describe_connection(Name=name)["ConnectionState"] != "AUTHORIZED":
        assert time.monotonic() < deadline
    source = source_name()
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]})
    put(daemon, source, {})
    requests = endpoint.wait(3)
    assert requests[0][1] == "/token" and b"client_secret=hush" in requests[0][3]
    assert requests[2][1] == "/call" and requests[2][2]["Authorization"] == "Bearer tok"
    assert "ClientSecret" not in json.dumps(events.describe_connection(Name=name), default=str)


# --- archives ---

def test_an_archive_is_replayed_into_its_bus(daemon):
    events, source = daemon.boto("events"), source_name()
    bus = f"b-{uuid.uuid4().hex[:8]}"
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    archive = events.create_archive(ArchiveName=bus, EventSourceArn=bus_arn)["ArchiveArn"]
    put(daemon, source, {"n": 1}, bus=bus)
    deadline = time.monotonic() + DEADLINE_S
    while events.describe_archive(ArchiveName=bus)["EventCount"] < 1:
        assert time.monotonic() < deadline
    url, arn = queue_of(daemon)
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]}, bus=bus)
    now = time.time()
    events.start_replay(ReplayName=bus, EventSourceArn=archive, EventStartTime=now - 60,
                        EventEndTime=now + 60, Destination={"Arn": bus_arn})
    event = json.loads(receive(daemon, url)[0]["Body"])
    assert event["replay-name"] == bus and event["detail"] == {"n": 1}
    while events.describe_replay(ReplayName=bus)["State"] != "COMPLETED":
        assert time.monotonic() < deadline
    assert events.describe_archive(ArchiveName=bus)["EventCount"] == 1


# --- CloudEvents over HTTP ---

def post(daemon, path, body, **headers):
    host = urllib.parse.urlsplit(daemon.gateway).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("POST", path, body, {name.replace("_", "-"): value
                                            for name, value in headers.items()})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


@pytest.fixture
def open_bus(daemon):
    """A bus that everybody may put events into, and a queue that gets all of them."""
    events, bus = daemon.boto("events"), f"b-{uuid.uuid4().hex[:8]}"
    events.create_event_bus(Name=bus)
    events.put_permission(EventBusName=bus, Action="events:PutEvents", Principal="*",
                          StatementId="everybody")
    url, arn = queue_of(daemon)
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"account": [ACCOUNT]}, bus=bus)
    return bus, url


def test_cloudevents_come_in_all_three_modes(daemon, open_bus):
    bus, url = open_bus
    one = {"specversion": "1.0", "id": "2", "source": "/s", "type": "placed", "data": {"n": 2}}
    assert post(daemon, f"/events/{bus}", '{"n":1}', ce_specversion="1.0", ce_id="1",
                ce_source="/s", ce_type="placed", Content_Type="application/json") == (202, b"")
    assert post(daemon, f"/events/{bus}", json.dumps(one),
                Content_Type="application/cloudevents+json") == (202, b"")
    batch = [{**one, "id": "3", "data": {"n": 3}}, {**one, "id": "4", "data": {"n": 4}}]
    assert post(daemon, f"/events/{bus}", json.dumps(batch),
                Content_Type="application/cloudevents-batch+json") == (202, b"")
    got = {}
    for message in receive(daemon, url, 4):
        event = json.loads(message["Body"])
        got[event["id"]] = (event["source"], event["detail-type"], event["detail"])
    assert got == {str(n): ("/s", "placed", {"n": n}) for n in range(1, 5)}


def test_a_bus_is_closed_unless_its_policy_opens_it(daemon):
    status, body = post(daemon, "/events", "{}", ce_specversion="1.0", ce_id="1", ce_source="/s",
                        ce_type="t", Content_Type="application/json")
    assert status == 403 and b"message" in body


def test_what_is_no_cloudevent_is_refused(daemon, open_bus):
    bus, _url = open_bus
    assert post(daemon, f"/events/{bus}", "{}", Content_Type="application/json")[0] == 400
    assert post(daemon, "/events/nowhere", "{}")[0] == 404


# --- crashes and updates ---

def test_nothing_acknowledged_is_lost_in_a_crash(make_daemon):
    daemon = make_daemon()
    url, arn = queue_of(daemon, "kept")
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": ["crash"]})
    accepted, stop = [], threading.Event()

    def load():
        events = daemon.boto("events")
        while not stop.is_set():
            entries = [{"Source": "crash", "DetailType": "t", "Detail": "{}"}] * 10
            try:
                answer = events.put_events(Entries=entries)
            except Exception:  # noqa: BLE001: the daemon was killed
                return
            accepted.extend(entry["EventId"] for entry in answer["Entries"])

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + DEADLINE_S
    while len(accepted) < 300 and time.monotonic() < deadline:
        threads[0].join(0.01)
    daemon.kill()
    stop.set()
    for thread in threads:
        thread.join()
    assert len(accepted) >= 300
    daemon.start()
    url = daemon.boto("sqs").get_queue_url(QueueName="kept")["QueueUrl"]
    # With what was stored and not acknowledged any more.
    got = {json.loads(message["Body"])["id"] for message in receive_all(daemon, url)}
    assert set(accepted) <= got


def test_updates_of_rules_under_load_lose_and_misroute_nothing(daemon):
    events = daemon.boto("events")
    url, arn = queue_of(daemon)
    source = source_name()
    rule_of(daemon, {"Id": "1", "Arn": arn}, pattern={"source": [source]})
    stop = threading.Event()

    def update():
        client, count = daemon.boto("events"), 0
        while not stop.is_set():
            count += 1
            name = f"other-{count % 7}-{source}"
            client.put_rule(Name=name, EventPattern=json.dumps({"source": [f"no-{count}"]}))
            client.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
            if count % 3 == 0:
                client.remove_targets(Rule=name, Ids=["1"])
                client.delete_rule(Name=name)

    updating = threading.Thread(target=update)
    updating.start()
    sent = set()
    for _ in range(30):
        entries = [{"Source": source, "DetailType": "t", "Detail": "{}"}] * 10
        sent |= {entry["EventId"] for entry in events.put_events(Entries=entries)["Entries"]}
    stop.set()
    updating.join()
    got = [json.loads(message["Body"])["id"] for message in receive(daemon, url, len(sent))]
    assert sorted(got) == sorted(sent)
