# SPDX-License-Identifier: Apache-2.0
"""Queues that invoke functions: batches, failures, filters, order."""
import json
import pathlib
import sys

import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from test_async import seen, wait_for, wait_seen  # noqa: E402

# Says what it was given; fails at messages that ask for it, one by one when it may.
WORKER = {"main.py": """
import json, os
def handler(event, context):
    records = event['Records']
    if len(records) > 3: # a log line would be cut
        records = [{'body': one['body']} for one in records]
    print('EVENT ' + json.dumps({'Records': records}))
    bad = [one['messageId'] for one in event['Records'] if 'bad' in one['body']]
    if bad and os.environ.get('PARTIAL'):
        return {'batchItemFailures': [{'itemIdentifier': one} for one in bad]}
    if bad:
        raise ValueError('cannot')
"""}


def queue(daemon, name, **attributes):
    sqs = daemon.boto("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, arn["Attributes"]["QueueArn"]


def mapping(daemon, name, arn, **settings):
    client = daemon.boto("lambda")
    made = client.create_event_source_mapping(FunctionName=name, EventSourceArn=arn, **settings)
    assert made["State"] in ("Creating", "Disabled")
    return wait_state(client, made["UUID"], "Disabled" if made["State"] == "Disabled" else "Enabled")


def wait_state(client, uuid, state):
    return wait_for(lambda: (lambda now: now if now["State"] == state else None)(
        client.get_event_source_mapping(UUID=uuid)), state)


def records(daemon, name):
    return [record for event in seen(daemon, name) for record in event["Records"]]


def bodies(daemon, name):
    return [record["body"] for record in records(daemon, name)]


def left(daemon, url):
    """Messages in the queue, visible and in flight."""
    counts = daemon.boto("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=[
        "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"])["Attributes"]
    return sum(map(int, counts.values()))


def test_a_message_reaches_the_function_as_sqs_gives_it(daemon):
    daemon.create("reader", WORKER)
    url, arn = queue(daemon, "read")
    mapping(daemon, "reader", arn)
    sent = daemon.boto("sqs").send_message(QueueUrl=url, MessageBody='{"n": 1}', MessageAttributes={
        "kind": {"DataType": "String", "StringValue": "test"}})
    [event] = wait_seen(daemon, "reader", 1)
    [record] = event["Records"]
    assert list(record) == [
        "messageId", "receiptHandle", "body", "attributes", "messageAttributes",
        "md5OfMessageAttributes", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion"]
    assert record["messageId"] == sent["MessageId"]
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["md5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert record["body"] == '{"n": 1}'
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["messageAttributes"] == {"kind": {
        "stringValue": "test", "stringListValues": [], "binaryListValues": [],
        "dataType": "String"}}
    assert (record["eventSource"], record["eventSourceARN"]) == ("aws:sqs", arn)
    wait_for(lambda: left(daemon, url) == 0, "the end of the message")


def test_a_window_gathers_a_batch(daemon):
    """A full batch goes at once, what is less at the end of the window."""
    daemon.create("gatherer", WORKER)
    url, arn = queue(daemon, "gather")
    made = mapping(daemon, "gatherer", arn, BatchSize=15, MaximumBatchingWindowInSeconds=300)

    def send(numbers):
        daemon.boto("sqs").send_message_batch(QueueUrl=url, Entries=[
            {"Id": str(n), "MessageBody": str(n)} for n in numbers])

    send(range(10))
    send(range(10, 15))
    wait_for(lambda: len(bodies(daemon, "gatherer")) == 15, "every message")
    [event] = seen(daemon, "gatherer")
    assert sorted(map(int, bodies(daemon, "gatherer"))) == list(range(15))
    client = daemon.boto("lambda")
    client.update_event_source_mapping(UUID=made["UUID"], MaximumBatchingWindowInSeconds=2)
    wait_state(client, made["UUID"], "Enabled")
    send(range(15, 20))
    wait_for(lambda: len(bodies(daemon, "gatherer")) == 20, "the rest")
    assert sorted(map(int, bodies(daemon, "gatherer"))) == list(range(20))


def test_a_failed_batch_comes_again_and_ends_among_the_dead_letters(daemon):
    daemon.create("failer", WORKER)
    dead_url, dead_arn = queue(daemon, "failed-dead")
    url, arn = queue(daemon, "failed", VisibilityTimeout="4", RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2}))
    mapping(daemon, "failer", arn, BatchSize=1)
    daemon.boto("sqs").send_message(QueueUrl=url, MessageBody="bad")
    daemon.boto("sqs").send_message(QueueUrl=url, MessageBody="good")
    [dead] = wait_for(lambda: daemon.boto("sqs").receive_message(
        QueueUrl=dead_url, WaitTimeSeconds=1).get("Messages"), "the dead letter", 40)
    assert dead["Body"] == "bad"
    counts = [record["attributes"]["ApproximateReceiveCount"] for record in records(daemon, "failer")
              if record["body"] == "bad"]
    assert counts == ["1", "2"]
    assert bodies(daemon, "failer").count("good") == 1
    assert left(daemon, url) == 0


def test_only_what_failed_of_a_batch_comes_again(daemon):
    daemon.create("partial", WORKER, Environment={"Variables": {"PARTIAL": "1"}}, Timeout=1)
    url, arn = queue(daemon, "partly", VisibilityTimeout="4")
    made = mapping(daemon, "partial", arn, MaximumBatchingWindowInSeconds=1,
                   FunctionResponseTypes=["ReportBatchItemFailures"])
    assert made["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    daemon.boto("sqs").send_message_batch(QueueUrl=url, Entries=[
        {"Id": str(n), "MessageBody": body} for n, body in enumerate(["one", "bad", "two"])])
    wait_for(lambda: bodies(daemon, "partial").count("bad") == 2, "the second attempt")
    assert sorted(bodies(daemon, "partial")) == ["bad", "bad", "one", "two"]
    assert left(daemon, url) == 1


def test_a_filter_lets_through_what_matches_and_deletes_the_rest(daemon):
    daemon.create("picky", WORKER)
    url, arn = queue(daemon, "filtered")
    pattern = json.dumps({"body": {"n": [{"numeric": ["<", 2]}]}})
    made = mapping(daemon, "picky", arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    assert made["FilterCriteria"] == {"Filters": [{"Pattern": pattern}]}
    for body in ('{"n": 1}', '{"n": 2}', "no json", '{"n": 0}'):
        daemon.boto("sqs").send_message(QueueUrl=url, MessageBody=body)
    wait_for(lambda: left(daemon, url) == 0, "the end of the queue")
    assert sorted(bodies(daemon, "picky")) == ['{"n": 0}', '{"n": 1}']


def test_a_group_of_a_fifo_queue_keeps_its_order(daemon):
    daemon.create("ordered", WORKER)
    url, arn = queue(daemon, "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    mapping(daemon, "ordered", arn, BatchSize=2)
    for n in range(8):
        daemon.boto("sqs").send_message(QueueUrl=url, MessageBody=f"{n % 2} {n}",
                                        MessageGroupId=str(n % 2))
    wait_for(lambda: left(daemon, url) == 0, "the end of the queue")
    said = bodies(daemon, "ordered")
    for group in "01":
        assert [body for body in said if body[0] == group] == sorted(
            body for body in said if body[0] == group)
    assert len(said) == 8


def test_a_disabled_mapping_takes_nothing_until_it_is_enabled(daemon):
    daemon.create("switched", WORKER)
    client = daemon.boto("lambda")
    url, arn = queue(daemon, "switched")
    made = mapping(daemon, "switched", arn, Enabled=False)
    daemon.boto("sqs").send_message(QueueUrl=url, MessageBody="one")
    changed = client.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    assert changed["State"] == "Enabling"
    wait_for(lambda: bodies(daemon, "switched") == ["one"], "the message")
    assert client.update_event_source_mapping(UUID=made["UUID"], Enabled=False)[
        "State"] == "Disabling"
    wait_state(client, made["UUID"], "Disabled")
    daemon.boto("sqs").send_message(QueueUrl=url, MessageBody="two")
    assert client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    wait_for(lambda: not client.list_event_source_mappings(EventSourceArn=arn)[
        "EventSourceMappings"], "the end of the mapping")
    with pytest.raises(ClientError, match="The resource you requested does not exist"):
        wait_for(lambda: not client.get_event_source_mapping(UUID=made["UUID"]), "its end")
    assert left(daemon, url) == 1 and bodies(daemon, "switched") == ["one"]


def test_mappings_go_on_after_a_kill(tmp_path):
    import evoke_daemon

    daemon = evoke_daemon.Daemon(tmp_path / "data").start()
    try:
        daemon.create("again", WORKER)
        url, arn = queue(daemon, "again")
        mapping(daemon, "again", arn)
        daemon.kill()
        daemon.start()
        daemon.boto("sqs").send_message(QueueUrl=url, MessageBody="after")
        wait_for(lambda: bodies(daemon, "again") == ["after"], "the message")
    finally:
        daemon.stop()


def test_a_mapping_has_tags(make_daemon):
    daemon = make_daemon()
    daemon.create("tagged", WORKER)
    _url, arn = queue(daemon, "tagged")
    client = daemon.boto("lambda")
    own = client.get_function(FunctionName="tagged")["Configuration"]["FunctionArn"]
    many = {str(i): "" for i in range(51)}

    def make(tags):  # older SDKs know no Tags here
        return daemon.signed("POST", "/2015-03-31/event-source-mappings", {
            "FunctionName": "tagged", "EventSourceArn": arn, "Tags": tags})

    assert make(many) == (400, {"Type": "User", "message": "Number of tags exceeds resource tag limit."})
    status, made = make({"stage": "test"})
    assert status == 202
    resource = own.replace("function:tagged", f"event-source-mapping:{made['UUID']}")

    def tags():
        return client.list_tags(Resource=resource)["Tags"]

    assert tags() == {"stage": "test"}
    client.tag_resource(Resource=resource, Tags={"stage": "live", "team": "a b"})
    assert tags() == {"stage": "live", "team": "a b"} and not client.list_tags(Resource=own)["Tags"]
    client.untag_resource(Resource=resource, TagKeys=["stage", "nosuch"])
    assert tags() == {"team": "a b"}
    with pytest.raises(ClientError, match="Number of tags exceeds resource tag limit."):
        client.tag_resource(Resource=resource, Tags=many)
    client.update_event_source_mapping(UUID=made["UUID"], BatchSize=3)
    wait_state(client, made["UUID"], "Enabled")
    daemon.kill()
    daemon.start()
    client = daemon.boto("lambda")
    assert tags() == {"team": "a b"}
    wait_state(client, made["UUID"], "Enabled")
    client.delete_event_source_mapping(UUID=made["UUID"])
    for call, given in ((client.list_tags, {}), (client.tag_resource, {"Tags": {"a": "b"}}),
                        (client.untag_resource, {"TagKeys": ["a"]})):
        with pytest.raises(ClientError, match=f"Event source mapping not found: {resource}"):
            call(Resource=resource, **given)
