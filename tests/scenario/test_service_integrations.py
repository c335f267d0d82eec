# SPDX-License-Identifier: Apache-2.0
"""Integrations with services: routes that put events and send messages."""
import json

import botocore.exceptions
import pytest

ROLE = "arn:aws:iam::000000000000:role/gateway"


@pytest.fixture
def gateway(daemon):
    return daemon.boto("apigatewayv2")


@pytest.fixture
def queue(daemon, request):
    sqs = daemon.boto("sqs")
    return sqs.create_queue(QueueName=request.node.name[:70].replace("[", "-").strip("]"))["QueueUrl"]


def add(gateway, made, key, subtype, parameters, **more):
    integration = gateway.create_integration(
        ApiId=made, IntegrationType="AWS_PROXY", IntegrationSubtype=subtype, CredentialsArn=ROLE,
        PayloadFormatVersion="1.0", RequestParameters=parameters, **more)["IntegrationId"]
    gateway.create_route(ApiId=made, RouteKey=key, Target="integrations/" + integration)


def make_api(gateway, **variables):
    made = gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    gateway.create_stage(ApiId=made, StageName="$default", AutoDeploy=True, StageVariables=variables)
    return made


def post(daemon, path, body=None, **headers):
    status, fields, answer = daemon.get(path, method="POST", body=body, headers=headers)
    return status, json.loads(answer) if answer else None, fields


def receive(daemon, queue, **more):
    return daemon.boto("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=20, **more)["Messages"]


def test_a_message_is_sent_before_it_is_answered(daemon, gateway, queue):
    made = make_api(gateway, color="blue")
    add(gateway, made, "POST /q/{id}", "SQS-SendMessage",
        {"QueueUrl": queue, "MessageBody": "$request.body.text",
         "MessageAttributes": json.dumps({"Id": {"DataType": "String",
                                                 "StringValue": "${request.path.id}-${stageVariables.color}"}})},
        ResponseParameters={"200": {"overwrite:statuscode": "202"}})
    status, answer, fields = post(daemon, f"/apis/{made}/q/7", b'{"text": "hello"}')
    assert status == 202 and fields["content-type"].startswith("application/x-amz-json")
    [message] = receive(daemon, queue, MessageAttributeNames=["All"])
    assert message["Body"] == "hello" and message["MessageId"] == answer["MessageId"]
    assert message["MD5OfBody"] == answer["MD5OfMessageBody"]
    assert message["MessageAttributes"]["Id"]["StringValue"] == "7-blue"


def test_messages_survive_a_crash_once_they_are_answered(make_daemon):
    daemon = make_daemon()
    gateway = daemon.boto("apigatewayv2")
    queue = daemon.boto("sqs").create_queue(QueueName="kept")["QueueUrl"]
    made = make_api(gateway)
    add(gateway, made, "POST /q", "SQS-SendMessage",
        {"QueueUrl": queue, "MessageBody": "$request.body"})
    for i in range(20):
        assert post(daemon, f"/apis/{made}/q", str(i))[0] == 200
    daemon.kill()
    daemon.start()
    queue, got = f"{daemon.api}/000000000000/kept", set()
    while len(got) < 20:
        got |= {one["Body"] for one in receive(daemon, queue, MaxNumberOfMessages=10)}
    assert got == {str(i) for i in range(20)}


def test_messages_are_received_and_deleted_by_routes(daemon, gateway, queue):
    made = make_api(gateway)
    add(gateway, made, "POST /receive", "SQS-ReceiveMessage",
        {"QueueUrl": queue, "MaxNumberOfMessages": "$request.querystring.n", "WaitTimeSeconds": "1"})
    add(gateway, made, "POST /delete", "SQS-DeleteMessage",
        {"QueueUrl": queue, "ReceiptHandle": "$request.body.handle"})
    add(gateway, made, "POST /purge", "SQS-PurgeQueue", {"QueueUrl": queue})
    sqs = daemon.boto("sqs")
    for body in "ab":
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    status, answer, _ = post(daemon, f"/apis/{made}/receive?n=1")
    assert status == 200 and len(answer["Messages"]) == 1
    handle = answer["Messages"][0]["ReceiptHandle"]
    assert post(daemon, f"/apis/{made}/delete", json.dumps({"handle": handle}))[0] == 200
    status, answer, _ = post(daemon, f"/apis/{made}/receive?n=10")
    assert [one["Body"] for one in answer["Messages"]] == ["b"]
    assert post(daemon, f"/apis/{made}/purge")[0] == 200
    assert "Messages" not in post(daemon, f"/apis/{made}/receive?n=1")[1]


def test_events_are_put(daemon, gateway, queue):
    events = daemon.boto("events")
    events.create_event_bus(Name="orders")
    events.put_rule(Name="all", EventBusName="orders", EventPattern=json.dumps({"source": ["shop"]}))
    arn = "arn:aws:sqs:us-east-1:000000000000:" + queue.rsplit("/", 1)[1]
    events.put_targets(Rule="all", EventBusName="orders", Targets=[{"Id": "1", "Arn": arn}])
    made = make_api(gateway)
    add(gateway, made, "POST /orders", "EventBridge-PutEvents",
        {"Detail": "$request.body", "DetailType": "${request.header.x-kind}", "Source": "shop",
         "EventBusName": "orders", "Time": "2026-01-31T12:00:00Z", "Resources": '["a", "b"]'})
    status, answer, _ = post(daemon, f"/apis/{made}/orders", b'{"n": 1}', **{"x-kind": "made"})
    assert status == 200 and answer["FailedEntryCount"] == 0
    event = json.loads(receive(daemon, queue)[0]["Body"])
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert (event["detail-type"], event["detail"], event["source"]) == ("made", {"n": 1}, "shop")
    assert (event["time"], event["resources"]) == ("2026-01-31T12:00:00Z", ["a", "b"])
    status, answer, _ = post(daemon, f"/apis/{made}/orders", b"no JSON", **{"x-kind": "made"})
    assert answer["FailedEntryCount"] == 1 and answer["Entries"][0]["ErrorCode"] == "MalformedDetail"


def test_what_a_service_refuses_is_its_answer(daemon, gateway, queue):
    made = make_api(gateway)
    add(gateway, made, "POST /none", "SQS-SendMessage",
        {"QueueUrl": queue + "-not", "MessageBody": "$request.body"})
    add(gateway, made, "POST /empty", "SQS-SendMessage",
        {"QueueUrl": queue, "MessageBody": "$request.body.absent"})
    status, answer, _ = post(daemon, f"/apis/{made}/none", "x")
    assert status == 400 and answer["__type"].endswith("QueueDoesNotExist")
    status, answer, _ = post(daemon, f"/apis/{made}/empty", "{}")
    assert status == 400 and "MessageBody" in answer["message"]


@pytest.mark.parametrize("subtype, parameters, says", [
    ("SQS-SendMessage", {"QueueUrl": "q"}, "needs the parameter 'MessageBody'"),
    ("SQS-SendMessage", {"QueueUrl": "q", "MessageBody": "b", "Delay": "1"}, "no parameter 'Delay'"),
    ("SQS-PurgeQueue", {"QueueUrl": "$request.none"}, "request.none"),
])
def test_parameters_are_checked_when_the_integration_is_made(gateway, subtype, parameters, says):
    made = make_api(gateway)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        add(gateway, made, "POST /x", subtype, parameters)
    assert caught.value.response["Error"]["Code"] == "BadRequestException"
    assert says in caught.value.response["Error"]["Message"]
    assert gateway.get_integrations(ApiId=made)["Items"] == []
