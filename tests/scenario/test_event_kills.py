# SPDX-License-Identifier: Apache-2.0
"""kill -9 while events are put and executed: what was acknowledged is not lost, whatever the
moment, and what runs twice is no more than what was in flight."""
import collections
import http.client
import json
import random
import threading
import urllib.parse

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from test_async import Listener, wait_for, waiting

PUTTERS = 4
# What the daemon may have given to instances and not yet deleted when it is killed: those that
# run, and those whose end waits for the disk.
IN_FLIGHT = 64


class Load:
    """Puts events as fast as it can, and remembers what was acknowledged."""

    def __init__(self, daemon):
        self.acknowledged, self.numbers, self.lock = [], 0, threading.Lock()
        self.over = threading.Event()
        self.credentials = Credentials(*daemon.keys())
        self.threads = []

    def start(self, daemon):
        self.over.clear()
        self.threads = [threading.Thread(target=self._put, args=(daemon.api,))
                        for _ in range(PUTTERS)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _next(self):
        with self.lock:
            self.numbers += 1
            return self.numbers

    def _put(self, api):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(api).netloc, timeout=10)
        path = "/2015-03-31/functions/load/invocations"
        while not self.over.is_set():
            n = self._next()
            body = json.dumps({"n": n, "fail": n % 50 == 0})
            request = AWSRequest("POST", api + path, data=body,
                                 headers={"X-Amz-Invocation-Type": "Event"})
            SigV4Auth(self.credentials, "lambda", "us-east-1").add_auth(request)
            try:
                connection.request("POST", path, body, dict(request.headers.items()))
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return  # killed
            if answer.status == 202:
                with self.lock:
                    self.acknowledged.append(n)


def kill_again_and_again(make_daemon, times):
    """Events that ran more often than they should."""
    daemon = make_daemon("--async-retry", "20ms")
    listener = Listener()
    listener.create(daemon, "load")
    daemon.boto("sqs").create_queue(QueueName="dead")
    daemon.boto("lambda").put_function_event_invoke_config(
        FunctionName="load", MaximumRetryAttempts=1, DestinationConfig={
            "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:dead"}})
    load, chance = Load(daemon), random.Random(1)
    for _ in range(times):
        load.start(daemon)
        load.over.wait(chance.uniform(0.02, 0.4))
        daemon.kill()
        load.stop()
        daemon.start()
    dead = daemon.boto("sqs").get_queue_url(QueueName="dead")["QueueUrl"]
    wait_for(lambda: listener.hear() and waiting(daemon) == _messages(daemon, dead),
             "the end of the backlog", 100)
    runs = collections.Counter(one["event"]["n"] for one in listener.hear())
    lost = [n for n in load.acknowledged if runs[n] == 0]
    assert not lost, f"{len(lost)} of {len(load.acknowledged)} events are lost: {lost[:10]}"
    # One that fails is tried twice, and told of.
    failing = [n for n in load.acknowledged if n % 50 == 0]
    assert all(runs[n] >= 2 for n in failing)
    assert set(failing) <= _told(daemon, dead)
    twice = sum(max(0, count - (2 if n % 50 == 0 else 1)) for n, count in runs.items())
    print(f"{times} kills, {len(load.acknowledged)} events: 0 lost, {twice} run twice")
    assert twice <= times * IN_FLIGHT
    return twice


def _messages(daemon, url):
    counts = daemon.boto("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[
        "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
    return sum(map(int, counts.values()))


def _told(daemon, url):
    """The events that the records in the queue are about."""
    told = set()
    while messages := daemon.boto("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600).get("Messages"):
        told |= {json.loads(one["Body"])["requestPayload"]["n"] for one in messages}
    return told


def test_kill_9_loses_no_event(make_daemon):
    kill_again_and_again(make_daemon, 5)


@pytest.mark.soak
def test_kill_9_a_thousand_times_loses_no_event(make_daemon):
    kill_again_and_again(make_daemon, 1000)
