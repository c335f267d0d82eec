# SPDX-License-Identifier: Apache-2.0
"""The built-in queue through boto3, which speaks SQS's query protocol here or JSON, whichever
is newer: messages, visibility, batches, FIFO, dead letters, restarts."""
import concurrent.futures
import hashlib
import itertools
import json
import time

import botocore.exceptions
import pytest

LIMIT_S = 60
names = (f"q{n}" for n in itertools.count())


@pytest.fixture(scope="module")
def sqs(daemon):
    return daemon.boto("sqs")


@pytest.fixture
def make(sqs):
    def create(suffix="", **attributes):
        return sqs.create_queue(QueueName=next(names) + suffix, Attributes=attributes)["QueueUrl"]

    return create


@pytest.fixture
def queue(make):
    return make()


@pytest.fixture
def fifo(make):
    return make(".fifo", FifoQueue="true", ContentBasedDeduplication="true")


def receive(sqs, url, count=10, wait=0, **settings):
    return sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count, WaitTimeSeconds=wait,
                               **settings).get("Messages", [])


def bodies(messages):
    return [message["Body"] for message in messages]


def attributes(sqs, url, *wanted):
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=wanted or ["All"]).get(
        "Attributes", {})


def arn(sqs, url):
    return attributes(sqs, url, "QueueArn")["QueueArn"]


def delete(sqs, url, message):
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def refused(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def until(condition):
    """The first true value; a receive with a wait, or an attribute, paces it."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
    raise AssertionError("it did not happen")


# --- messages ---


def test_a_message_comes_as_it_was_sent(sqs, queue):
    body = "grüße <&> \"🙂\"\r\n\t]]>"
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes={
        "text": {"DataType": "String.note", "StringValue": "ä&b"},
        "number": {"DataType": "Number", "StringValue": "-1.5e3"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff\x10"}})
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    message, = receive(sqs, queue, AttributeNames=["All"], MessageAttributeNames=["All"])
    assert message["Body"] == body and message["MessageId"] == sent["MessageId"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["MessageAttributes"]["bytes"] == {"DataType": "Binary", "BinaryValue": b"\x00\xff\x10"}
    assert message["MessageAttributes"]["text"]["StringValue"] == "ä&b"
    system = message["Attributes"]
    assert system["SenderId"] == "000000000000" and system["ApproximateReceiveCount"] == "1"
    assert abs(int(system["SentTimestamp"]) / 1000 - time.time()) < LIMIT_S
    assert set(system) == {"SenderId", "SentTimestamp", "ApproximateReceiveCount",
                           "ApproximateFirstReceiveTimestamp"}


def test_attributes_are_filtered_and_digested_as_filtered(sqs, queue):
    names_sent = ["Help", "Help.Me", "Hello", "Other"]
    sqs.send_message(QueueUrl=queue, MessageBody="x", MessageAttributes={
        name: {"DataType": "String", "StringValue": name} for name in names_sent})
    for wanted, got in [(["Help"], {"Help"}), (["Hel.*"], {"Help", "Help.Me", "Hello"}),
                        ([".*"], set(names_sent)), (["Nothing", "AWS."], None)]:
        message, = receive(sqs, queue, MessageAttributeNames=wanted, VisibilityTimeout=0)
        assert (set(message["MessageAttributes"]) if "MessageAttributes" in message else None) == got
        assert ("MD5OfMessageAttributes" in message) == (got is not None)


def test_a_megabyte_goes_through_and_a_byte_more_is_refused(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="x" * 1048576)
    assert bodies(receive(sqs, queue)) == ["x" * 1048576]
    assert refused(sqs.send_message, QueueUrl=queue, MessageBody="x" * 1048577) == (
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.")


def test_an_empty_queue_answers_at_once_with_nothing(sqs, queue):
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_a_message_comes_back_when_its_visibility_ends(sqs, queue):
    sqs.send_message(QueueUrl=queue, MessageBody="again")
    first, = receive(sqs, queue, VisibilityTimeout=600)
    assert receive(sqs, queue) == []
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=1)
    second, = until(lambda: receive(sqs, queue, wait=2, AttributeNames=["All"]))
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    delete(sqs, queue, first)  # a standard queue takes an old handle
    delete(sqs, queue, second)
    assert attributes(sqs, queue, "ApproximateNumberOfMessagesNotVisible") == {
        "ApproximateNumberOfMessagesNotVisible": "0"}


def test_visibility_can_be_shortened_and_extended(sqs, queue):
    for body in ("v", "not extended"):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    message, other = receive(sqs, queue, VisibilityTimeout=600)
    # In one request, as what is over already is not extended any more.
    changed = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[
        {"Id": str(n), "ReceiptHandle": one["ReceiptHandle"], "VisibilityTimeout": seconds}
        for n, (one, seconds) in enumerate([(message, 1), (other, 1), (message, 600)])])
    assert len(changed["Successful"]) == 3
    assert bodies(until(lambda: receive(sqs, queue, wait=20, VisibilityTimeout=600))) == ["not extended"]
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(receive(sqs, queue)) == ["v"]
    # The older handle still stands for the message, received again or visible, until it is deleted.
    for seconds, back in ((0, ["v"]), (0, ["v"]), (600, [])):
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"],
                                      VisibilityTimeout=seconds)
        assert bodies(receive(sqs, queue, VisibilityTimeout=0)) == back
    delete(sqs, queue, message)
    code, text = refused(sqs.change_message_visibility, QueueUrl=queue,
                         ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=1)
    assert code == "InvalidParameterValue" and text.endswith(
        "Message does not exist or is not available for visibility timeout change.")


def test_a_delayed_message_comes_later(sqs, make):
    url = make(DelaySeconds="900")
    sqs.send_message(QueueUrl=url, MessageBody="queue's delay")
    sqs.send_message(QueueUrl=url, MessageBody="none", DelaySeconds=0)
    assert bodies(receive(sqs, url)) == ["none"]
    assert attributes(sqs, url)["ApproximateNumberOfMessagesDelayed"] == "1"
    began = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="own delay", DelaySeconds=2)
    assert bodies(until(lambda: receive(sqs, url, wait=20))) == ["own delay"]
    assert time.monotonic() - began > 1.9


def test_a_waiting_receive_wakes_on_a_send(daemon, sqs, queue):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(receive, daemon.boto("sqs"), queue, wait=20)
        assert not concurrent.futures.wait([waiting], timeout=0.3).done
        began = time.monotonic()
        sqs.send_message(QueueUrl=queue, MessageBody="wake")
        assert bodies(waiting.result(LIMIT_S)) == ["wake"]
        assert time.monotonic() - began < 15


def test_a_waiting_receive_whose_client_left_takes_no_message(make_daemon):
    """On one shard, which sees first what comes first: that it left, and the message."""
    daemon = make_daemon("--shards", "1")
    sqs = daemon.boto("sqs")
    queue = sqs.create_queue(QueueName="left")["QueueUrl"]
    impatient = daemon.boto("sqs", read_timeout=1)
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        receive(impatient, queue, wait=20)
    sqs.send_message(QueueUrl=queue, MessageBody="kept")
    assert bodies(receive(sqs, queue, wait=20)) == ["kept"]


def test_each_message_goes_to_one_of_many_receivers(daemon, sqs, queue):
    for first in range(0, 100, 10):
        sqs.send_message_batch(QueueUrl=queue, Entries=[
            {"Id": str(n), "MessageBody": str(n)} for n in range(first, first + 10)])

    def drain(_):
        client, got = daemon.boto("sqs"), []
        while messages := receive(client, queue):
            got += bodies(messages)
        return got

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        got = [body for part in pool.map(drain, range(4)) for body in part]
    assert sorted(got, key=int) == [str(n) for n in range(100)]


# --- batches ---


def test_a_batch_fails_in_part(sqs, make):
    url = make(MaximumMessageSize="1024")
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[
        {"Id": "good", "MessageBody": "ok"},
        {"Id": "large", "MessageBody": "x" * 1025},
        {"Id": "late", "MessageBody": "x", "DelaySeconds": 901}])
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("large", "InvalidParameterValue", True), ("late", "InvalidParameterValue", True)]
    assert answer["Failed"][0]["Message"] == (
        "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.")
    message, = receive(sqs, url)
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=[
        {"Id": "a", "ReceiptHandle": message["ReceiptHandle"]},
        {"Id": "b", "ReceiptHandle": "garbage"}])
    assert [entry["Id"] for entry in deleted["Successful"]] == ["a"]
    assert deleted["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"


@pytest.mark.parametrize("entries, code, text", [
    ([], "AWS.SimpleQueueService.EmptyBatchRequest",
     "There should be at least one SendMessageBatchRequestEntry in the request."),
    ([{"Id": str(n), "MessageBody": "x"} for n in range(20)],
     "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
     "Maximum number of entries per request are 10. You have sent 20."),
    ([{"Id": "a", "MessageBody": "x"}] * 2, "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
     "Id a repeated."),
    ([{"Id": "a b", "MessageBody": "x"}], "AWS.SimpleQueueService.InvalidBatchEntryId",
     "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
     "It can be at most 80 letters long."),
    ([{"Id": "a", "MessageBody": "x" * 1048576}, {"Id": "b", "MessageBody": "y"}],
     "AWS.SimpleQueueService.BatchRequestTooLong",
     "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes."),
])
def test_a_bad_batch_is_refused_whole(sqs, queue, entries, code, text):
    assert refused(sqs.send_message_batch, QueueUrl=queue, Entries=entries) == (code, text)
    assert receive(sqs, queue) == []


def test_visibility_of_a_batch(sqs, queue):
    sqs.send_message_batch(QueueUrl=queue, Entries=[{"Id": n, "MessageBody": n} for n in "ab"])
    messages = receive(sqs, queue)
    answer = sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[
        {"Id": "x", "ReceiptHandle": messages[0]["ReceiptHandle"], "VisibilityTimeout": 0},
        {"Id": "y", "ReceiptHandle": "AQEBgarbage", "VisibilityTimeout": 0}])
    assert [entry["Id"] for entry in answer["Successful"]] == ["x"]
    assert [entry["Id"] for entry in answer["Failed"]] == ["y"]
    assert bodies(receive(sqs, queue)) == [messages[0]["Body"]]


# --- FIFO ---


def send(sqs, url, group, *sent, **settings):
    return [sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group, **settings)
            for body in sent]


def test_groups_keep_their_order_and_hold_back_what_follows(sqs, fifo):
    answers = send(sqs, fifo, "g1", "a1", "a2") + send(sqs, fifo, "g2", "b1") + send(sqs, fifo, "g1", "a3")
    numbers = [int(answer["SequenceNumber"]) for answer in answers]
    assert numbers == sorted(numbers) and all(len(str(number)) == 20 for number in numbers)
    first = receive(sqs, fifo, count=2, AttributeNames=["All"])
    assert bodies(first) == ["a1", "a2"]
    assert first[0]["Attributes"]["SequenceNumber"] == str(numbers[0])
    assert first[0]["Attributes"]["MessageGroupId"] == "g1"
    assert bodies(receive(sqs, fifo)) == ["b1"]
    delete(sqs, fifo, first[0])
    assert receive(sqs, fifo) == []
    delete(sqs, fifo, first[1])
    assert bodies(receive(sqs, fifo)) == ["a3"]


@pytest.mark.parametrize("extended, back", [(0, []), (1, ["m0"]), (2, ["m0", "m1"])])
def test_what_is_extended_holds_back_what_came_after_it(sqs, fifo, extended, back):
    send(sqs, fifo, "g", "m0", "m1", "m2")
    messages = receive(sqs, fifo, VisibilityTimeout=600)
    for n, message in enumerate(messages):
        sqs.change_message_visibility(QueueUrl=fifo, ReceiptHandle=message["ReceiptHandle"],
                                      VisibilityTimeout=700 if n == extended else 1)
    until(lambda: attributes(sqs, fifo)["ApproximateNumberOfMessagesNotVisible"] == "1")
    assert bodies(receive(sqs, fifo)) == back


def test_what_was_sent_before_is_not_sent_again(sqs, fifo):
    first, = send(sqs, fifo, "g", "same")
    again, = send(sqs, fifo, "g", "same")
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
    other, = send(sqs, fifo, "g", "same", MessageDeduplicationId="other")
    assert other["MessageId"] != first["MessageId"]
    for message in receive(sqs, fifo):
        delete(sqs, fifo, message)
    send(sqs, fifo, "g", "same")
    assert receive(sqs, fifo) == []


def test_the_scope_of_deduplication_stays_what_it_was_made(sqs, make):
    queue_wide = make(".fifo", FifoQueue="true")
    by_group = make(".fifo", FifoQueue="true", DeduplicationScope="messageGroup")
    for url, scope in ((queue_wide, "messageGroup"), (by_group, "queue")):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"DeduplicationScope": scope})
        assert attributes(sqs, url, "DeduplicationScope") == {"DeduplicationScope": scope}
        for group in ("g1", "g2"):
            send(sqs, url, group, group, MessageDeduplicationId="d")
    assert bodies(receive(sqs, queue_wide)) == ["g1"]
    assert sorted(bodies(receive(sqs, by_group))) == ["g1", "g2"]


def test_deduplication_can_be_by_group(sqs, make):
    url = make(".fifo", FifoQueue="true", DeduplicationScope="messageGroup")
    for group in ("g1", "g2", "g1"):
        send(sqs, url, group, group, MessageDeduplicationId="d")
    assert sorted(bodies(receive(sqs, url))) == ["g1", "g2"]


def test_an_expired_handle_of_a_fifo_queue_is_refused(sqs, fifo):
    send(sqs, fifo, "g", "m")
    message, = receive(sqs, fifo, VisibilityTimeout=1)
    until(lambda: attributes(sqs, fifo)["ApproximateNumberOfMessages"] == "1")
    handle = message["ReceiptHandle"]
    assert refused(sqs.delete_message, QueueUrl=fifo, ReceiptHandle=handle) == (
        "InvalidParameterValue", f"Value {handle} for parameter ReceiptHandle is invalid. Reason: "
        "The receipt handle has expired.")


def test_a_fifo_queue_wants_a_group_and_an_id(sqs, make):
    url = make(".fifo", FifoQueue="true")
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x") == (
        "MissingParameter", "The request must contain the parameter MessageGroupId.")
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g") == (
        "InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly")
    for entry in ({}, {"MessageGroupId": "g"}):
        assert refused(sqs.send_message_batch, QueueUrl=url, Entries=[
            {"Id": "a", "MessageBody": "x", **entry}])[0] == "InvalidParameterValue"
    assert refused(sqs.send_message, QueueUrl=url, MessageBody="x", MessageGroupId="g",
                   MessageDeduplicationId="d", DelaySeconds=2)[1] == (
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is "
        "not valid for this queue type.")


# --- dead letters ---


def with_dead_letters(sqs, make, suffix="", most=1, **attributes):
    dead = make(suffix, **attributes)
    url = make(suffix, **attributes, RedrivePolicy=json.dumps(
        {"deadLetterTargetArn": arn(sqs, dead), "maxReceiveCount": most}))
    return url, dead


def die(sqs, url, dead):
    """Receives until all that is in url went to dead."""
    def moved():
        receive(sqs, url, VisibilityTimeout=0)
        counts = attributes(sqs, url)
        return counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"
    until(moved)
    return until(lambda: receive(sqs, dead, wait=1, AttributeNames=["All"], MessageAttributeNames=["All"]))


def test_a_message_received_too_often_becomes_a_dead_letter(sqs, make):
    url, dead = with_dead_letters(sqs, make)
    sent = sqs.send_message(QueueUrl=url, MessageBody="poison", MessageAttributes={
        "a": {"DataType": "String", "StringValue": "b"}})
    message, = die(sqs, url, dead)
    assert message["MessageId"] == sent["MessageId"] and message["MessageAttributes"]["a"]["StringValue"] == "b"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn(sqs, url)
    assert message["Attributes"]["ApproximateReceiveCount"] == "2"
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]


def test_a_dead_letter_of_a_fifo_queue_keeps_its_group(sqs, make):
    url, dead = with_dead_letters(sqs, make, ".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    send(sqs, url, "g", "first", "second")
    message, *_ = die(sqs, url, dead)
    assert message["Body"] == "first" and message["Attributes"]["MessageGroupId"] == "g"


@pytest.mark.parametrize("policy, text", [
    ({"maxReceiveCount": 1}, "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."),
    ({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:nosuch", "maxReceiveCount": "3"},
     "Dead letter target does not exist."),
    ({"deadLetterTargetArn": "dead", "maxReceiveCount": 42}, "Invalid value for deadLetterTargetArn."),
    ({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:nosuch", "maxReceiveCount": 1001},
     "Invalid value for maxReceiveCount: 1001, valid values are from 1 to 1000 both inclusive."),
])
def test_a_wrong_redrive_policy_is_refused(sqs, queue, policy, text):
    value = json.dumps(policy)
    code, message = refused(sqs.set_queue_attributes, QueueUrl=queue, Attributes={"RedrivePolicy": value})
    assert code == "InvalidParameterValue"
    assert message == f"Value {value} for parameter RedrivePolicy is invalid. Reason: {text}"


# --- queues ---


def test_create_is_idempotent_for_equal_attributes(sqs):
    name = next(names)
    url = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"})["QueueUrl"]
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "30"})["QueueUrl"] == url
    assert refused(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "6"}) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds")


@pytest.mark.parametrize("name, given, code", [
    ("bad name", {}, "InvalidParameterValue"),
    ("x" * 81, {}, "InvalidParameterValue"),
    ("plain", {"FifoQueue": "true"}, "InvalidParameterValue"),
    ("x.fifo", {}, "InvalidParameterValue"),
    ("x.fifo", {"FifoQueue": "false"}, "InvalidParameterValue"),
    ("plain", {"Foobar": "1"}, "InvalidAttributeName"),
    ("plain", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
    ("plain", {"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
    ("plain", {"DelaySeconds": "-1"}, "InvalidAttributeValue"),
    ("plain", {"MessageRetentionPeriod": "59"}, "InvalidAttributeValue"),
])
def test_a_wrong_queue_is_refused(sqs, name, given, code):
    assert refused(sqs.create_queue, QueueName=name, Attributes=given)[0] == code


def test_truth_values_are_taken_in_any_case_and_kept_small(sqs, make):
    url = make(".fifo", FifoQueue="True", ContentBasedDeduplication="FALSE")
    assert attributes(sqs, url, "FifoQueue", "ContentBasedDeduplication") == {
        "FifoQueue": "true", "ContentBasedDeduplication": "false"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"ContentBasedDeduplication": "True"})
    assert attributes(sqs, url, "ContentBasedDeduplication") == {"ContentBasedDeduplication": "true"}
    assert sqs.create_queue(QueueName=url.rsplit("/", 1)[1], Attributes={
        "FifoQueue": "true", "ContentBasedDeduplication": "TRUE"})["QueueUrl"] == url
    assert refused(sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": "maybe"}) == (
        "InvalidAttributeValue", "Invalid value for the parameter FifoQueue.")


def test_a_queue_is_found_by_its_name_alone(sqs, queue):
    name = queue.rsplit("/", 1)[1]
    sqs.send_message(QueueUrl=name, MessageBody="by name")
    assert bodies(receive(sqs, name)) == ["by name"]
    assert refused(sqs.send_message, QueueUrl=name + "-not", MessageBody="x")[0] == (
        "AWS.SimpleQueueService.NonExistentQueue")


def test_attributes_are_shown_with_their_defaults(sqs, make):
    shown = attributes(sqs, make(".fifo", FifoQueue="true"))
    expected = {"VisibilityTimeout": "30", "DelaySeconds": "0", "ReceiveMessageWaitTimeSeconds": "0",
                "MessageRetentionPeriod": "345600", "MaximumMessageSize": "1048576",
                "SqsManagedSseEnabled": "true", "FifoQueue": "true", "ContentBasedDeduplication": "false",
                "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue",
                "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0",
                "ApproximateNumberOfMessagesDelayed": "0"}
    assert {name: shown[name] for name in expected} == expected
    assert set(shown) - set(expected) == {"QueueArn", "CreatedTimestamp", "LastModifiedTimestamp"}
    url = make()
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
    assert attributes(sqs, url, "VisibilityTimeout") == {"VisibilityTimeout": "7"}
    assert refused(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Foobar"]) == (
        "InvalidAttributeName", "Unknown Attribute Foobar.")


def test_queues_are_listed_page_by_page(sqs):
    urls = [sqs.create_queue(QueueName=f"listed-{n}")["QueueUrl"] for n in range(5)]
    assert sqs.list_queues(QueueNamePrefix="listed-")["QueueUrls"] == urls
    pages = list(sqs.get_paginator("list_queues").paginate(
        QueueNamePrefix="listed-", PaginationConfig={"PageSize": 2}))
    assert [url for page in pages for url in page["QueueUrls"]] == urls
    assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 1]
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="nothing-")


def test_tags_are_kept(sqs):
    url = sqs.create_queue(QueueName=next(names), tags={"a": "1"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2", "c": "3"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a", "c"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    sqs.untag_queue(QueueUrl=url, TagKeys=["b"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)


def test_permissions_make_the_policy(sqs, queue):
    sqs.add_permission(QueueUrl=queue, Label="all", AWSAccountIds=["111111111111"], Actions=["ReceiveMessage"])
    policy = json.loads(attributes(sqs, queue, "Policy")["Policy"])
    assert policy["Version"] == "2008-10-17"
    assert policy["Statement"] == [{
        "Sid": "all", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SQS:ReceiveMessage", "Resource": arn(sqs, queue)}]
    assert refused(sqs.add_permission, QueueUrl=queue, Label="all", AWSAccountIds=["1" * 12], Actions=["*"]) == (
        "InvalidParameterValue", "Value all for parameter Label is invalid. Reason: Already exists.")
    sqs.remove_permission(QueueUrl=queue, Label="all")
    assert "Policy" not in attributes(sqs, queue)
    assert refused(sqs.remove_permission, QueueUrl=queue, Label="all") == (
        "InvalidParameterValue", "Value all for parameter Label is invalid. Reason: can't find label.")


def test_a_deleted_queue_is_gone_with_its_messages(sqs):
    name = next(names)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.receive_message(QueueUrl=url)
    assert refused(sqs.get_queue_url, QueueName=name)[0] == "AWS.SimpleQueueService.NonExistentQueue"
    assert refused(sqs.create_queue, QueueName=name) == (
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.")


def test_a_waiting_receive_ends_with_its_queue(daemon, sqs, queue):
    client = daemon.boto("sqs")

    def wait():
        try:
            return receive(client, queue, wait=20)
        except client.exceptions.QueueDoesNotExist:
            return []  # it came after the end of the queue

    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(wait)
        concurrent.futures.wait([waiting], timeout=0.5)
        sqs.delete_queue(QueueUrl=queue)
        assert waiting.result(15) == []


def test_purging_takes_everything_and_forgets_what_was_sent(sqs, fifo):
    send(sqs, fifo, "g", "a", "b")
    receive(sqs, fifo, count=1)
    sqs.purge_queue(QueueUrl=fifo)
    assert attributes(sqs, fifo)["ApproximateNumberOfMessagesNotVisible"] == "0"
    send(sqs, fifo, "g", "a")
    assert bodies(receive(sqs, fifo)) == ["a"]
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress) as caught:
        sqs.purge_queue(QueueUrl=fifo)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("parameters, text", [
    ({"MaxNumberOfMessages": 11},
     "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided."),
    ({"WaitTimeSeconds": 21},
     "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided."),
])
def test_a_receive_out_of_range_is_refused(sqs, queue, parameters, text):
    assert refused(sqs.receive_message, QueueUrl=queue, **parameters) == ("InvalidParameterValue", text)


def test_a_garbled_handle_is_refused(sqs, queue):
    assert refused(sqs.delete_message, QueueUrl=queue, ReceiptHandle="garbage") == (
        "ReceiptHandleIsInvalid", 'The input receipt handle "garbage" is not a valid receipt handle.')


@pytest.mark.parametrize("body, code", [("", "MissingParameter"), ("a\x01b", "InvalidMessageContents"),
                                        ("\ufffe", "InvalidMessageContents")])
def test_a_body_that_sqs_does_not_take_is_refused(sqs, queue, body, code):
    assert refused(sqs.send_message, QueueUrl=queue, MessageBody=body)[0] == code


# --- restarts ---


def test_a_kill_loses_no_message_and_no_state(make_daemon):
    running = make_daemon("--shards", "2")
    client = running.boto("sqs")
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    url = client.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "600", "RedrivePolicy": json.dumps(
        {"deadLetterTargetArn": arn(client, dead), "maxReceiveCount": 1})})["QueueUrl"]
    for n in range(30):
        client.send_message(QueueUrl=url, MessageBody=str(n))
    client.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=600)
    flying = receive(client, url)
    for message in flying[:5]:
        delete(client, url, message)
    running.kill()
    running.start()
    client = running.boto("sqs")
    url = client.get_queue_url(QueueName="work")["QueueUrl"]
    counts = attributes(client, url)
    assert counts["ApproximateNumberOfMessagesDelayed"] == "1"
    assert counts["ApproximateNumberOfMessages"] == "20"
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "5"
    delete(client, url, flying[5])  # a handle is good after a restart
    got = []
    while messages := receive(client, url):
        got += bodies(messages)
    assert got == [str(n) for n in range(10, 30)]
    assert attributes(client, url)["ApproximateNumberOfMessagesNotVisible"] == "24"


def test_order_and_deduplication_survive_a_kill(make_daemon):
    running = make_daemon()
    client = running.boto("sqs")
    url = client.create_queue(QueueName="o.fifo", Attributes={
        "FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
    first = send(client, url, "g", *map(str, range(6)))
    taken = receive(client, url, count=2)
    for message in taken:
        delete(client, url, message)
    running.kill()
    running.start()
    client = running.boto("sqs")
    url = client.get_queue_url(QueueName="o.fifo")["QueueUrl"]
    again = send(client, url, "g", "0", "3")
    assert [answer["MessageId"] for answer in again] == [first[0]["MessageId"], first[3]["MessageId"]]
    new, = send(client, url, "g", "6")
    assert int(new["SequenceNumber"]) > int(first[-1]["SequenceNumber"])
    assert bodies(receive(client, url)) == ["2", "3", "4", "5", "6"]


def test_a_stop_ends_waiting_receives_with_nothing(make_daemon):
    running = make_daemon()
    client = running.boto("sqs")
    url = client.create_queue(QueueName="slow")["QueueUrl"]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(receive, client, url, wait=20)
        concurrent.futures.wait([waiting], timeout=0.5)
        began = time.monotonic()
        assert running.stop() == 0
        assert waiting.result(LIMIT_S) == [] and time.monotonic() - began < 15


# --- functions ---


def test_a_function_sends_to_the_queues_it_lists_and_to_no_other(daemon, sqs, make, tmp_path):
    mine, other = make(), make()
    name = mine.rsplit("/", 1)[1]
    daemon.create("sender", {
        "function.yaml": f"queues: [{name}]\n",
        "main.py": '''
import boto3, botocore
def handler(event, context):
    sqs = boto3.client("sqs")
    try:
        if event["do"] == "send":
            return sqs.send_message(QueueUrl=event["url"], MessageBody="from a function")["MessageId"]
        if event["do"] == "url":
            return sqs.get_queue_url(QueueName=event["url"])["QueueUrl"]
        return sqs.receive_message(QueueUrl=event["url"])
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
'''}, Timeout=30)
    sent, _ = daemon.invoke("sender", {"do": "send", "url": mine})
    message, = receive(sqs, mine, AttributeNames=["All"])
    assert message["Body"] == "from a function" and message["MessageId"] == sent
    assert daemon.invoke("sender", {"do": "url", "url": name})[0].endswith("/" + name)
    for event in ({"do": "send", "url": other}, {"do": "receive", "url": mine}):
        assert "AccessDenied" in daemon.invoke("sender", event)[0]
