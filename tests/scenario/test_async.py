# SPDX-License-Identifier: Apache-2.0
"""Events for functions: accepted once on disk, tried, retried, and told about."""
import json
import select
import selectors
import socket
import threading
import time

import pytest
from botocore.exceptions import ClientError

import evoke_daemon

# Says what it was given, and fails at what it is told to fail at.
RECORDER = {"main.py": """
import json
def handler(event, context):
    print('EVENT ' + json.dumps({'id': context.aws_request_id, 'event': event}))
    if isinstance(event, dict) and event.get('fail'):
        raise ValueError('cannot do ' + str(event.get('n')))
    return {'did': event}
"""}


@pytest.fixture(scope="module", name="quick")
def _quick(tmp_path_factory):
    """A daemon whose retries come soon."""
    daemon = evoke_daemon.Daemon(tmp_path_factory.mktemp("async") / "data",
                                 "--async-retry", "50ms", "--async-backoff", "20ms")
    daemon.start()
    yield daemon
    daemon.stop()


def put(daemon, name, event, **settings):
    answer = daemon.boto("lambda").invoke(FunctionName=name, InvocationType="Event",
                                          Payload=json.dumps(event), **settings)
    assert answer["StatusCode"] == 202 and answer["Payload"].read() == b""
    return answer["ResponseMetadata"]["RequestId"]


def seen(daemon, name):
    """What the function printed of its events, in order."""
    answer = daemon.boto("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}",
                                                   filterPattern="EVENT")
    return [json.loads(event["message"][len("EVENT "):]) for event in answer["events"]
            if event["message"].startswith("EVENT ")]


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        select.select([], [], [], 0.02)
    raise AssertionError(f"{what} did not come")


def wait_seen(daemon, name, count):
    return wait_for(lambda: (lambda all_: all_ if len(all_) >= count else None)(
        seen(daemon, name)), f"{count} events of {name}")


def test_an_event_runs_once_with_the_request_id_of_its_acceptance(quick):
    quick.create("once", RECORDER)
    request_id = put(quick, "once", {"n": 1})
    [only] = wait_seen(quick, "once", 1)
    assert only == {"id": request_id, "event": {"n": 1}}


def test_an_event_without_a_payload_is_an_empty_object(quick):
    quick.create("empty", RECORDER)
    answer = quick.boto("lambda").invoke(FunctionName="empty", InvocationType="Event")
    assert answer["StatusCode"] == 202
    [only] = wait_seen(quick, "empty", 1)
    assert only["event"] == {}


def test_the_old_way_to_invoke_works_as_well(quick):
    quick.create("old", RECORDER)
    assert quick.boto("lambda").invoke_async(FunctionName="old", InvokeArgs=b'{"n": 2}')[
        "Status"] == 202
    [only] = wait_seen(quick, "old", 1)
    assert only["event"] == {"n": 2}


def test_a_poison_event_is_tried_thrice_and_its_neighbours_go_on(quick):
    quick.create("poisoned", RECORDER)
    bad = put(quick, "poisoned", {"n": 0, "fail": True})
    for n in range(1, 6):
        put(quick, "poisoned", {"n": n})
    events = wait_seen(quick, "poisoned", 8)
    assert [one["id"] for one in events].count(bad) == 3
    assert sorted(one["event"]["n"] for one in events if one["id"] != bad) == [1, 2, 3, 4, 5]
    # Nothing is left that could be tried a fourth time.
    wait_for(lambda: waiting(quick) == 0, "the end of the backlog")
    assert len(seen(quick, "poisoned")) == 8


def waiting(daemon):
    """Events on disk, by the daemon's own measure."""
    text = daemon.get("/metrics", "api")[2].decode()
    [line] = [one for one in text.splitlines() if one.startswith("evoke_events ")]
    return int(line.split()[1])


@pytest.mark.parametrize("retries", [0, 1])
def test_retries_are_as_many_as_configured(quick, retries):
    name = f"retries-{retries}"
    quick.create(name, RECORDER)
    quick.boto("lambda").put_function_event_invoke_config(FunctionName=name,
                                                          MaximumRetryAttempts=retries)
    put(quick, name, {"fail": True})
    wait_seen(quick, name, 1 + retries)
    wait_for(lambda: waiting(quick) == 0, "the end of the backlog")
    assert len(seen(quick, name)) == 1 + retries


def test_a_function_is_told_of_results(quick):
    quick.create("told", RECORDER)
    quick.create("works", RECORDER)
    arn = quick.boto("lambda").get_function(FunctionName="told")["Configuration"]["FunctionArn"]
    quick.boto("lambda").put_function_event_invoke_config(
        FunctionName="works", MaximumRetryAttempts=1, DestinationConfig={
            "OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}})
    good = put(quick, "works", {"n": 1})
    [told] = wait_seen(quick, "told", 1)
    record = told["event"]
    assert list(record) == ["version", "timestamp", "requestContext", "requestPayload",
                            "responseContext", "responsePayload"]
    assert record["requestContext"] == {
        "requestId": good, "functionArn": arn.replace("told", "works") + ":$LATEST",
        "condition": "Success", "approximateInvokeCount": 1}
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"did": {"n": 1}}

    put(quick, "works", {"n": 2, "fail": True})
    record = wait_seen(quick, "told", 2)[1]["event"]
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "cannot do 2"


def test_what_would_be_too_old_at_its_next_attempt_is_given_up_at_once(daemon):
    daemon.create("heir", RECORDER)
    daemon.create("aging", RECORDER)
    arn = daemon.boto("lambda").get_function(FunctionName="heir")["Configuration"]["FunctionArn"]
    daemon.boto("lambda").put_function_event_invoke_config(
        FunctionName="aging", MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": arn}})
    # Many: an attempt over within a millisecond has its next one at the very limit.
    for _ in range(50):
        put(daemon, "aging", {"fail": True})
    for told in wait_seen(daemon, "heir", 50):
        assert told["event"]["requestContext"]["condition"] == "EventAgeExceeded"
        assert told["event"]["requestContext"]["approximateInvokeCount"] == 1


def test_without_reserved_concurrency_an_event_is_given_up_untried(quick):
    quick.create("closed", RECORDER)
    quick.create("closed-heir", RECORDER)
    client = quick.boto("lambda")
    arn = client.get_function(FunctionName="closed-heir")["Configuration"]["FunctionArn"]
    client.put_function_concurrency(FunctionName="closed", ReservedConcurrentExecutions=0)
    client.put_function_event_invoke_config(
        FunctionName="closed", DestinationConfig={"OnFailure": {"Destination": arn}})
    put(quick, "closed", {"n": 1})
    [told] = wait_seen(quick, "closed-heir", 1)
    assert told["event"]["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert told["event"]["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in told["event"] and "responsePayload" not in told["event"]


def test_events_of_a_deleted_function_are_dropped(quick):
    quick.create("doomed", RECORDER)
    put(quick, "doomed", {"fail": True})
    wait_seen(quick, "doomed", 1)
    quick.boto("lambda").delete_function(FunctionName="doomed")
    wait_for(lambda: waiting(quick) == 0, "the end of the backlog")


def test_an_event_may_be_a_megabyte_and_no_more(quick):
    quick.create("large", RECORDER)
    put(quick, "large", "x" * ((1 << 20) - 2))
    with pytest.raises(ClientError, match="1048577 byte payload is too large for the Event"):
        put(quick, "large", "x" * ((1 << 20) - 1))
    wait_for(lambda: waiting(quick) == 0, "the end of the backlog")


def test_an_event_for_no_function_is_refused(quick):
    with pytest.raises(ClientError, match="Function not found"):
        put(quick, "nobody", {})


# Tells a socket of the test at once: log lines of a daemon that is killed may be lost.
TELLER = """
import json, os, socket
out = socket.create_connection(('127.0.0.1', int(os.environ['PORT'])))
def handler(event, context):
    out.sendall(json.dumps({'id': context.aws_request_id, 'event': event}).encode() + b'\\n')
    out.recv(1)
    if event.get('fail'):
        raise ValueError('cannot')
"""


class Listener:
    """What functions tell, in order. A function goes on when it has been heard."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        self.said = []
        threading.Thread(target=self._listen, daemon=True).start()

    def create(self, daemon, name):
        daemon.create(name, {"main.py": TELLER, "function.yaml": "network: host\n"},
                      Environment={"Variables": {"PORT": str(self.port)}}, Timeout=60)

    def _listen(self):
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self.socket:
                        selector.register(self.socket.accept()[0], selectors.EVENT_READ, bytearray())
                    elif not self._hear_one(key.fileobj, key.data):
                        selector.unregister(key.fileobj)
                        key.fileobj.close()

    def _hear_one(self, told, line):
        """False when nothing more comes."""
        try:
            piece = told.recv(65536)
            line += piece
            if line.endswith(b"\n"):
                self.said.append(json.loads(line))
                line.clear()
                told.send(b".")
        except OSError:
            return False  # killed
        return bool(piece)

    def hear(self):
        return list(self.said)


def listed(daemon, name):
    """What `evoke events list` tells of events that wait."""
    return json.loads(daemon.run("events", "list", name, "--json").stdout)


def test_attempts_survive_a_kill_and_waiting_events_keep_their_order(tmp_path):
    daemon = evoke_daemon.Daemon(tmp_path / "data", "--async-retry", "2s").start()
    listener = Listener()
    try:
        listener.create(daemon, "survivor")
        client = daemon.boto("lambda")
        client.put_function_event_invoke_config(FunctionName="survivor", MaximumRetryAttempts=1)
        # One at a time: what comes waits in order.
        client.put_function_concurrency(FunctionName="survivor", ReservedConcurrentExecutions=1)
        bad = put(daemon, "survivor", {"n": 0, "fail": True})
        wait_for(lambda: [one["State"] for one in listed(daemon, "survivor")] == ["delayed"],
                 "the end of the first attempt")
        accepted = [put(daemon, "survivor", {"n": n}) for n in range(1, 31)]
        daemon.kill()
        daemon.start()
        wait_for(lambda: waiting(daemon) == 0, "the end of the backlog")
        ids = [one["id"] for one in listener.hear()]
        assert ids.count(bad) == 2
        # One may have been running when the daemon was killed: it ran again.
        others = [one for one in ids if one != bad]
        assert len(others) <= len(accepted) + 1
        assert list(dict.fromkeys(others)) == accepted
    finally:
        daemon.stop()


def test_waiting_events_are_listed_shown_tried_and_taken_away(daemon):
    daemon.create("seen-to", RECORDER)
    for n in range(3):
        put(daemon, "seen-to", {"n": n, "fail": True})
    wait_seen(daemon, "seen-to", 3)

    def delayed():
        # In the order of their numbers: they may have run side by side.
        found = sorted(listed(daemon, "seen-to"), key=lambda one: one["Error"])
        return found if all(one["State"] == "delayed" for one in found) else None

    events = wait_for(delayed, "the delayed events")
    assert [(one["Attempts"], one["Error"]) for one in events] == [
        (1, f"cannot do {n}") for n in range(3)]
    assert "delayed" in daemon.run("events", "list", "seen-to").stdout

    shown = daemon.run("events", "show", "seen-to", events[1]["Id"]).stdout
    assert json.loads(shown) == {"n": 1, "fail": True}
    assert "1 taken away" in daemon.run("events", "purge", "seen-to", events[1]["Id"]).stdout
    gone = daemon.run("events", "show", "seen-to", events[1]["Id"], check=False)
    assert gone.returncode == 1 and "No event with the id" in gone.stderr

    assert "2 tried again now" in daemon.run("events", "redrive", "seen-to").stdout
    assert sorted(one["event"]["n"] for one in wait_seen(daemon, "seen-to", 5)) == [0, 0, 1, 2, 2]
    assert [one["Attempts"] for one in wait_for(delayed, "the delayed events")] == [2, 2]
    assert "2 taken away" in daemon.run("events", "purge", "seen-to").stdout
    assert "No event waits" in daemon.run("events", "list", "seen-to").stdout
    wait_for(lambda: waiting(daemon) == 0, "the end of the backlog")


def test_a_bus_is_told_of_results(quick):
    quick.create("on-a-bus", RECORDER)
    url = quick.boto("sqs").create_queue(QueueName="told-by-bus")["QueueUrl"]
    events = quick.boto("events")
    bus = events.create_event_bus(Name="results")["EventBusArn"]
    events.put_rule(Name="all", EventBusName="results",
                    EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="all", EventBusName="results", Targets=[
        {"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:000000000000:told-by-bus"}])
    quick.boto("lambda").put_function_event_invoke_config(
        FunctionName="on-a-bus", DestinationConfig={"OnSuccess": {"Destination": bus}})
    request_id = put(quick, "on-a-bus", {"n": 1})
    [message] = wait_for(lambda: quick.boto("sqs").receive_message(
        QueueUrl=url, WaitTimeSeconds=1).get("Messages"), "the event")
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [bus, "arn:aws:lambda:us-east-1:000000000000:function:on-a-bus:$LATEST"]
    assert event["detail"]["requestContext"]["requestId"] == request_id
    assert event["detail"]["responsePayload"] == {"did": {"n": 1}}


def test_a_dead_letter_queue_gets_the_event_and_events_redrives_it(quick):
    url = quick.boto("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    quick.create("hopeless", RECORDER, DeadLetterConfig={
        "TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead-letters"})
    request_id = put(quick, "hopeless", {"n": 7, "fail": True})
    [dead] = wait_for(lambda: quick.boto("sqs").receive_message(
        QueueUrl=url, WaitTimeSeconds=1, VisibilityTimeout=0, MessageAttributeNames=["All"]).get(
            "Messages"), "the dead letter")
    assert json.loads(dead["Body"]) == {"n": 7, "fail": True}
    assert {name: one["StringValue"] for name, one in dead["MessageAttributes"].items()} == {
        "RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "cannot do 7"}

    assert "cannot do 7" in quick.run("events", "list", "hopeless", "--dead").stdout
    assert dead["MessageId"] in quick.run("events", "show", "hopeless", dead["MessageId"],
                                          "--dead").stdout
    assert "1 put back" in quick.run("events", "redrive", "hopeless", "--dead").stdout
    wait_seen(quick, "hopeless", 6)
    wait_for(lambda: quick.run("events", "list", "hopeless", "--dead", "--json").stdout.strip()
             != "[]", "the dead letter again")
    assert "1 taken away" in quick.run("events", "purge", "hopeless", "--dead").stdout
