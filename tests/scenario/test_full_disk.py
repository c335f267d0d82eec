# SPDX-License-Identifier: Apache-2.0
"""A disk that runs full while events come in every way: the clients are told to slow down, what
was acknowledged is there, also after a kill, and all goes on when there is room."""
import json
import os
import subprocess
import threading

import pytest
from botocore.exceptions import ClientError
from test_async import Listener, wait_for, waiting

MEGABYTES, BALLAST = 176, 48 << 20
FILLER = "x" * 60000
LIMIT = 5000  # a disk of that size is full long before


@pytest.fixture(name="disk")
def _disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "evoke", folder],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


class Way:
    """One way for events to come: sends until it is told to slow down."""

    def __init__(self, daemon, name, client, send):
        self.client, self.name, self.send = daemon.boto(client), name, send
        self.acknowledged, self.refusal, self.next = set(), None, 0

    def one(self):
        """None, or the code of the error."""
        self.next += 1
        try:
            code = self.send(self.client, {"way": self.name, "n": self.next, "filler": FILLER})
        except ClientError as error:
            code = error.response["Error"]["Code"]
        if code is None:
            self.acknowledged.add((self.name, self.next))
        return code

    def fill(self):
        for _ in range(LIMIT):
            self.refusal = self.one()
            if self.refusal:
                return


def invoke(client, event):
    client.invoke(FunctionName="sink", InvocationType="Event", Payload=json.dumps(event))


def send_message(client, event):
    url = client.get_queue_url(QueueName="messages")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody=json.dumps(event))


def put_events(client, event):
    [entry] = client.put_events(Entries=[{"Source": "disk", "DetailType": "full",
                                          "Detail": json.dumps(event)}])["Entries"]
    return entry.get("ErrorCode")


def set_up(daemon, listener):
    """The queues. The function may not run: its events move to the queue of the dead."""
    queues = [daemon.boto("sqs").create_queue(QueueName=name)["QueueUrl"]
              for name in ("messages", "matched", "dead")]
    listener.create(daemon, "sink")
    functions = daemon.boto("lambda")
    functions.put_function_concurrency(FunctionName="sink", ReservedConcurrentExecutions=0)
    functions.put_function_event_invoke_config(FunctionName="sink", DestinationConfig={
        "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:dead"}})
    events = daemon.boto("events")
    events.put_rule(Name="all", EventPattern='{"source": ["disk"]}')
    events.put_targets(Rule="all", Targets=[
        {"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:matched"}])
    return queues


def ways_of(daemon):
    return [Way(daemon, "async", "lambda", invoke), Way(daemon, "sqs", "sqs", send_message),
            Way(daemon, "bus", "events", put_events)]


def fill(ways):
    threads = [threading.Thread(target=way.fill) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {way.name: way.refusal for way in ways} == {
        "async": "TooManyRequestsException", "sqs": "RequestThrottled",
        "bus": "ThrottlingException"}


def receive_all(client, url):
    got = set()
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            event = json.loads(message["Body"])
            event = event.get("detail") or event.get("requestPayload") or event
            got.add((event["way"], event["n"]))
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return got


def test_a_full_disk_throttles_and_loses_nothing(disk, make_daemon):
    (disk / "ballast").write_bytes(b"x" * BALLAST)
    daemon = make_daemon("--async-retry", "50ms", "--async-backoff", "50ms", data=disk / "data")
    listener = Listener()
    queues = set_up(daemon, listener)
    ways = ways_of(daemon)
    fill(ways)
    at_first = sum(len(way.acknowledged) for way in ways)
    daemon.kill()
    daemon.start()  # also on a full disk
    os.unlink(disk / "ballast")
    later = ways_of(daemon)
    for way, before in zip(later, ways):
        way.acknowledged, way.next = before.acknowledged, before.next
        wait_for(lambda way=way: way.one() is None, f"room for {way.name}")
    fill(later)
    in_all = sum(len(way.acknowledged) for way in later)
    assert at_first > 100 and in_all > at_first + 100
    daemon.kill()
    daemon.start()
    daemon.boto("lambda").delete_function_concurrency(FunctionName="sink")
    client, got = daemon.boto("sqs"), set()

    def is_over():
        for url in queues:
            got.update(receive_all(client, url))
        got.update((one["event"]["way"], one["event"]["n"]) for one in listener.hear())
        return waiting(daemon) == 0

    wait_for(is_over, "the end of the backlog", 60)
    lost = set().union(*(way.acknowledged for way in later)) - got
    print(f"full disk, twice, and a kill each: {in_all} events acknowledged, {len(lost)} lost")
    assert not lost
    assert all(way.one() is None for way in ways_of(daemon)), "it stays full"
