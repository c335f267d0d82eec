# SPDX-License-Identifier: Apache-2.0
"""Functions that cause themselves are stopped after sixteen, unless they are allowed to."""
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from test_async import RECORDER, put, seen, wait_for, wait_seen, waiting  # noqa: E402

CHAIN = """
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    print('EVENT ' + json.dumps({'event': event}))
    n = event["n"]
    if n >= event.get("last", 100):
        return {"depth": n}
    try:
        answer = client.invoke(FunctionName=context.function_name, InvocationType=event["type"],
                               Payload=json.dumps({**event, "n": n + 1}))
    except Exception as error:
        return {"depth": n, "code": error.response["Error"]["Code"]}
    payload = answer["Payload"].read()
    return json.loads(payload) if payload else None
"""


def create(daemon, name, **settings):
    daemon.create(name, {"main.py": CHAIN, "function.yaml": f"calls: [{name}]\n"}, Timeout=60,
                  MemorySize=256, **settings)


@pytest.fixture(scope="module", name="loops")
def _loops(daemon):
    create(daemon, "chain")
    daemon.create("chain-heir", RECORDER)
    arn = daemon.boto("lambda").get_function(FunctionName="chain-heir")["Configuration"][
        "FunctionArn"]
    daemon.boto("lambda").put_function_event_invoke_config(
        FunctionName="chain", DestinationConfig={"OnFailure": {"Destination": arn}})
    return daemon


def test_a_chain_of_events_ends_after_sixteen_invocations(loops):
    put(loops, "chain", {"n": 1, "type": "Event"})
    [told] = wait_seen(loops, "chain-heir", 1)
    context = told["event"]["requestContext"]
    assert context["condition"] == "RecursiveInvocationException"
    assert context["approximateInvokeCount"] == 0
    assert told["event"]["requestPayload"]["n"] == 17
    wait_for(lambda: waiting(loops) == 0, "the end of the backlog")
    assert sorted(one["event"]["n"] for one in seen(loops, "chain")) == list(range(1, 17))


def test_a_chain_of_calls_ends_after_sixteen_invocations(loops):
    create(loops, "calls")
    answer = loops.invoke("calls", {"n": 1, "type": "RequestResponse"})[0]
    assert answer == {"depth": 16, "code": "RecursiveInvocationException"}


def test_a_function_may_be_allowed_to_loop(loops):
    create(loops, "allowed")
    status, answer = loops.signed("PUT", "/2024-08-31/functions/allowed/recursion-config",
                                  {"RecursiveLoop": "Allow"})
    assert (status, answer) == (200, {"RecursiveLoop": "Allow"})
    put(loops, "allowed", {"n": 1, "type": "Event", "last": 20})
    wait_seen(loops, "allowed", 20)
    wait_for(lambda: waiting(loops) == 0, "the end of the backlog")
    assert sorted(one["event"]["n"] for one in seen(loops, "allowed")) == list(range(1, 21))


THROUGH_A_QUEUE = """
import boto3, json
client = boto3.client("sqs")
def handler(event, context):
    n = int(event["Records"][0]["body"])
    print('EVENT ' + json.dumps({'event': n}))
    url = client.get_queue_url(QueueName="circle")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody=str(n + 1))
"""

THROUGH_A_BUS = """
import boto3, json
client = boto3.client("events")
def handler(event, context):
    n = event["detail"]["n"]
    print('EVENT ' + json.dumps({'event': n}))
    client.put_events(Entries=[{"Source": "circle", "DetailType": "round",
                                "Detail": json.dumps({"n": n + 1})}])
"""


def dead_letters(daemon, name):
    sqs = daemon.boto("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, arn["Attributes"]["QueueArn"]


def the_dead(daemon, url):
    """The one message that comes."""
    client = daemon.boto("sqs")
    [message] = wait_for(lambda: client.receive_message(
        QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"]).get("Messages"),
        "a dead letter", 60)
    return message


def rounds(daemon, name):
    return sorted(one["event"] for one in seen(daemon, name))


def test_a_circle_through_a_queue_ends_among_its_dead_letters(daemon):
    daemon.create("by-queue", {"main.py": THROUGH_A_QUEUE, "function.yaml": "queues: [circle]\n"},
                  MemorySize=256)
    dead, dead_arn = dead_letters(daemon, "circle-dead")
    sqs = daemon.boto("sqs")
    url = sqs.create_queue(QueueName="circle", Attributes={"RedrivePolicy": json.dumps(
        {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})})["QueueUrl"]
    daemon.boto("lambda").create_event_source_mapping(
        FunctionName="by-queue", BatchSize=1,
        EventSourceArn=dead_arn.replace("circle-dead", "circle"))
    sqs.send_message(QueueUrl=url, MessageBody="1")
    assert the_dead(daemon, dead)["Body"] == "17"
    assert rounds(daemon, "by-queue") == list(range(1, 17))


def test_a_circle_through_a_bus_ends_among_the_dead_letters(daemon):
    functions, events = daemon.boto("lambda"), daemon.boto("events")
    dead, dead_arn = dead_letters(daemon, "by-bus-dead")
    daemon.create("by-bus", {"main.py": THROUGH_A_BUS, "function.yaml": "buses: [default]\n"},
                  MemorySize=256, DeadLetterConfig={"TargetArn": dead_arn})
    arn = functions.get_function(FunctionName="by-bus")["Configuration"]["FunctionArn"]
    rule = events.put_rule(Name="circle", EventPattern='{"source": ["circle"]}')["RuleArn"]
    functions.add_permission(FunctionName="by-bus", StatementId="rule", SourceArn=rule,
                             Action="lambda:InvokeFunction", Principal="events.amazonaws.com")
    events.put_targets(Rule="circle", Targets=[{"Id": "1", "Arn": arn}])
    events.put_events(Entries=[{"Source": "circle", "DetailType": "round", "Detail": '{"n": 1}'}])
    message = the_dead(daemon, dead)
    assert json.loads(message["Body"])["detail"]["n"] == 17
    assert "recursive loop" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert rounds(daemon, "by-bus") == list(range(1, 17))


def test_a_circle_of_events_ends_in_the_dead_letter_queue(daemon):
    dead, dead_arn = dead_letters(daemon, "by-event-dead")
    create(daemon, "by-event", DeadLetterConfig={"TargetArn": dead_arn})
    put(daemon, "by-event", {"n": 1, "type": "Event"})
    message = the_dead(daemon, dead)
    assert json.loads(message["Body"])["n"] == 17
    assert "recursive loop" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert sorted(one["event"]["n"] for one in seen(daemon, "by-event")) == list(range(1, 17))

