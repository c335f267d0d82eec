# SPDX-License-Identifier: Apache-2.0
"""The same job on a queue by clients of both protocols: Debian's boto3 and AWS CLI (query), a
current boto3 and the AWS SDK for JavaScript (JSON); and what only one of them can do."""
import fcntl
import json
import os
import pathlib
import subprocess

import pytest

import clients
import evoke_daemon

AWS = "/usr/bin/aws"
JOBS = pathlib.Path(__file__).resolve().parents[1] / "clients" / "sdk"
SDK = evoke_daemon.BUILD / "runtimes" / "nodejs" / "node_modules"
BOTO3 = "1.42.97"  # speaks JSON to SQS
WANTED = {
    "sameUrl": True, "body": "grüße <&>", "sameDigest": True, "kind": "ü", "raw": [0, 255], "count": "1",
    "failed": [["c", "InvalidParameterValue"]], "bodies": ["one", "two"], "deleted": 2, "left": "0",
    "tags": {"team": "a"}, "error": "AWS.SimpleQueueService.NonExistentQueue"}


@pytest.fixture(scope="module")
def current_boto3():
    """A folder with a current boto3, fetched once and kept; the test is skipped without it."""
    kept = clients.CACHE / f"boto3-{BOTO3}"
    clients.CACHE.mkdir(parents=True, exist_ok=True)
    with open(clients.CACHE / "boto3.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / ".complete").exists():
            done = subprocess.run(
                ["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-compile",
                 "--disable-pip-version-check", "--target", kept, f"boto3=={BOTO3}"],
                capture_output=True, text=True, timeout=100, check=False)
            if done.returncode != 0:
                pytest.skip(f"no boto3 {BOTO3} from the package index: {done.stderr[-300:]}")
            (kept / ".complete").touch()
    return kept


def run(daemon, command, **env):
    # Keys and configuration of whoever runs the tests stay outside.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=100,
                          env={**inherited, **daemon.env, **env}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def test_debians_boto3_does_the_whole_job_in_the_query_protocol(daemon):
    told = run(daemon, ["/usr/bin/python3", JOBS / "queues.py"], QUEUE="by-old-boto3")
    assert told.pop("protocol") == "query" and told.pop("version")
    assert told == WANTED


def test_a_current_boto3_does_the_whole_job_in_json(daemon, current_boto3):
    told = run(daemon, ["/usr/bin/python3", JOBS / "queues.py"], QUEUE="by-boto3",
               PYTHONPATH=str(current_boto3))
    assert told.pop("protocol") == "json" and told.pop("version")
    assert told == WANTED


@pytest.mark.skipif(not SDK.is_dir(), reason="no @aws-sdk: tools/install-libraries BUILD installs it")
def test_the_javascript_sdk_does_the_whole_job(daemon):
    told = run(daemon, ["/usr/bin/node", JOBS / "queues.mjs"], QUEUE="by-js", SDK=str(SDK))
    assert told.pop("error") in (WANTED["error"], "QueueDoesNotExist")
    assert told == {name: value for name, value in WANTED.items() if name != "error"}


@pytest.mark.skipif(not os.access(AWS, os.X_OK), reason="no Debian AWS CLI (awscli)")
def test_the_aws_cli_does_the_whole_job(daemon):
    def aws(action, *arguments):
        return run(daemon, [AWS, "--endpoint-url", daemon.api, "sqs", action, *arguments],
                   PATH="/usr/bin:/bin")

    url = aws("create-queue", "--queue-name", "by-cli", "--attributes", "VisibilityTimeout=60",
              "--tags", "team=a")["QueueUrl"]
    at = ("--queue-url", url)
    assert aws("get-queue-url", "--queue-name", "by-cli")["QueueUrl"] == url
    sent = aws("send-message", *at, "--message-body", "grüße <&>", "--message-attributes",
               '{"kind": {"DataType": "String", "StringValue": "ü"}}')
    message, = aws("receive-message", *at, "--message-attribute-names", "All", "--attribute-names", "All",
                   "--wait-time-seconds", "5")["Messages"]
    assert message["Body"] == "grüße <&>"
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    aws("delete-message", *at, "--receipt-handle", message["ReceiptHandle"])
    batch = aws("send-message-batch", *at, "--entries",
                "Id=a,MessageBody=one", "Id=b,MessageBody=two", "Id=c,MessageBody=x,DelaySeconds=1000")
    assert [entry["Id"] for entry in batch["Failed"]] == ["c"]
    got = aws("receive-message", *at, "--max-number-of-messages", "10")["Messages"]
    assert sorted(one["Body"] for one in got) == ["one", "two"]
    assert aws("list-queue-tags", *at)["Tags"] == {"team": "a"}
    aws("purge-queue", *at)
    assert aws("list-queues", "--queue-name-prefix", "by-cli")["QueueUrls"] == [url]
    aws("delete-queue", *at)


# --- what Debian's boto3 does not know ---

MOVE = '''
import base64, boto3, json, os, sys, time
sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
def make(name, **attributes):
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
def until(condition):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        value = condition()
        if value: return value
    raise AssertionError("it did not happen")
def count(url, name="ApproximateNumberOfMessages"):
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])
def refused(call, **parameters):
    try: call(**parameters)
    except sqs.exceptions.ClientError as error: return [error.response["Error"]["Code"], error.response["Error"]["Message"]]
told = {}
dead, dead_arn = make("dead")
told["notDead"] = refused(sqs.start_message_move_task, SourceArn=dead_arn)
work, work_arn = make("work", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}))
other, other_arn = make("other")
for n in range(12): sqs.send_message(QueueUrl=work, MessageBody=str(n))
def die():
    sqs.receive_message(QueueUrl=work, VisibilityTimeout=0, MaxNumberOfMessages=10)
    return count(dead) == 12
until(die)
told["nowhere"] = refused(sqs.start_message_move_task, SourceArn=dead_arn, DestinationArn=dead_arn + "x")
task = sqs.start_message_move_task(SourceArn=dead_arn, DestinationArn=other_arn, MaxNumberOfMessagesPerSecond=1)["TaskHandle"]
told["twice"] = refused(sqs.start_message_move_task, SourceArn=dead_arn)
running, = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"]
told["running"] = [running["Status"], running["TaskHandle"] == task, running["ApproximateNumberOfMessagesToMove"]]
until(lambda: count(other) > 0)
told["cancelled"] = sqs.cancel_message_move_task(TaskHandle=task)["ApproximateNumberOfMessagesMoved"] > 0
told["none"] = refused(sqs.cancel_message_move_task, TaskHandle=task)
handle = json.loads(base64.b64decode(task))
told["handle"] = [sorted(handle), handle["sourceArn"] == dead_arn]
handle["sourceArn"] += "x"
told["foreign"] = refused(sqs.cancel_message_move_task, TaskHandle=base64.b64encode(json.dumps(handle).encode()).decode())
told["bad"] = refused(sqs.cancel_message_move_task, TaskHandle="x")
told["sum"] = count(dead) + count(other)
told["status"] = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0]["Status"]
sqs.start_message_move_task(SourceArn=dead_arn)
until(lambda: sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0]["Status"] == "COMPLETED")
told["back"] = count(work) + count(other)
told["tasks"] = len(sqs.list_message_move_tasks(SourceArn=dead_arn, MaxResults=10)["Results"])
told["last"] = sqs.list_message_move_tasks(SourceArn=dead_arn)["Results"][0].get("TaskHandle")
print(json.dumps(told))
'''


def test_move_tasks_take_dead_letters_back(daemon, current_boto3):
    told = run(daemon, ["/usr/bin/python3", "-c", MOVE], PYTHONPATH=str(current_boto3))
    assert told == {
        "notDead": ["InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue."],
        "nowhere": ["ResourceNotFoundException",
                    "The resource that you specified for the DestinationArn parameter doesn't exist."],
        "twice": ["InvalidParameterValue", "There is already a task running. Only one active task is allowed "
                  "for a source queue arn at a given time."],
        "running": ["RUNNING", True, 12], "cancelled": True,
        "none": ["ResourceNotFoundException", "Task does not exist."],
        "handle": [["sourceArn", "taskId"], True],
        "foreign": ["ResourceNotFoundException",
                    "The resource that you specified for the SourceArn parameter doesn't exist."],
        "bad": ["InvalidParameterValue", "Value for parameter TaskHandle is invalid."],
        "sum": 12, "status": "CANCELLED", "back": 12, "tasks": 2, "last": None}


# --- the wire ---


def test_the_query_protocol_is_served_at_the_queues_url_too(daemon):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = daemon.boto("sqs").create_queue(QueueName="by-path")["QueueUrl"]

    def ask(query, method="GET"):
        request = AWSRequest(method, f"{url}?{query}" if query else url)
        SigV4Auth(Credentials(*daemon.keys()), "sqs", "us-east-1").add_auth(request)
        path = url[len(daemon.api):] + (f"?{query}" if query else "")
        status, headers, body = daemon.get(path, "api", method, headers=dict(request.headers.items()))
        assert headers["content-type"] == "text/xml"
        return status, body.decode()

    status, body = ask("Action=SendMessage&MessageBody=hello")
    assert status == 200 and "<MD5OfMessageBody>5d41402abc4b2a76b9719d911017c592</MD5OfMessageBody>" in body
    assert body.startswith('<?xml version="1.0"?><SendMessageResponse '
                           'xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><SendMessageResult>')
    status, body = ask("Action=ReceiveMessage")
    assert status == 200 and "<Body>hello</Body>" in body
    assert "<ReceiveMessageResult/>" in ask("Action=ReceiveMessage")[1]
    # A queue that is named counts more than the one whose URL this is.
    other = daemon.boto("sqs").create_queue(QueueName="by-parameter")["QueueUrl"]
    status, body = ask("Action=GetQueueAttributes&AttributeName.1=QueueArn&QueueUrl=" + other)
    assert status == 200 and ":by-parameter</Value>" in body
    # The older names of system attributes put the newer ones out of use.
    daemon.boto("sqs").send_message(QueueUrl=other, MessageBody="m")
    both = "&MessageSystemAttributeName.1=All&AttributeName.1=SenderId"
    status, body = ask(f"Action=ReceiveMessage&VisibilityTimeout=0&QueueUrl={other}{both}")
    assert "<Name>SenderId</Name>" in body and "<Name>SentTimestamp</Name>" not in body
    for query, code, message in [
            ("Action=FooBar", "InvalidAction", "The action FooBar is not valid for this endpoint."),
            ("Action=SendMessage", "MissingParameter", "The request must contain the parameter MessageBody."),
            ("Action=ListQueues", "InvalidAction", "The action ListQueues is not valid for this endpoint."),
            ("Action=GetQueueAttributes&AttributeName.1=Foobar", "InvalidAttributeName",
             "Unknown Attribute Foobar.")]:
        status, body = ask(query)
        assert status == 400 and f"<Code>{code}</Code><Message>{message}</Message><Detail/>" in body
    assert ask("") == (404, "<UnknownOperationException/>\n")
