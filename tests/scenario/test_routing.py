# SPDX-License-Identifier: Apache-2.0
"""Routing by rule, by content and by tag, and by filters of Knative Triggers."""
import itertools
import json

import botocore.exceptions
import pytest

import evoke_daemon

RECORDER = {"main.py": """
import json
def handler(event, context):
    print('EVENT ' + json.dumps(event))
"""}
numbers = itertools.count()


@pytest.fixture(scope="module")
def events(daemon):
    return daemon.boto("events")


@pytest.fixture
def bus(events):
    name = f"bus-{next(numbers)}"
    events.create_event_bus(Name=name)
    return name


def put_rule(events, bus, pattern, target):
    """A rule of the bus with one target, an ARN."""
    name = f"rule-{next(numbers)}"
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    answer = events.put_targets(Rule=name, EventBusName=bus,
                                Targets=[{"Id": "only", "Arn": target}])
    assert answer["FailedEntryCount"] == 0


def put_event(events, bus, kind, detail):
    answer = events.put_events(Entries=[{"EventBusName": bus, "Source": "shop",
                                         "DetailType": kind, "Detail": json.dumps(detail)}])
    assert answer["FailedEntryCount"] == 0


def make_queue(daemon):
    sqs = daemon.boto("sqs")
    url = sqs.create_queue(QueueName=f"queue-{next(numbers)}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return url, arn["Attributes"]["QueueArn"]


def received(daemon, url):
    """All that waits in the queue; what was put before is in it when PutEvents answers."""
    sqs = daemon.boto("sqs")
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"])["detail"] for message in messages]
    return found


def seen(daemon, name):
    answer = daemon.boto("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}",
                                                   filterPattern="EVENT")
    return [json.loads(event["message"][len("EVENT "):])["detail-type"]
            for event in answer["events"] if event["message"].startswith("EVENT ")]


def test_a_rule_looks_at_kind_and_content(daemon, events, bus):
    url, arn = make_queue(daemon)
    put_rule(events, bus, {"detail-type": ["order"], "detail": {"total": [{"numeric": [">", 9]}]}},
             arn)
    put_event(events, bus, "order", {"total": 9})
    put_event(events, bus, "order", {"total": 10})
    put_event(events, bus, "invoice", {"total": 10})
    assert received(daemon, url) == [{"total": 10}]


def test_a_rule_may_have_the_filters_of_a_trigger(daemon, events, bus):
    url, arn = make_queue(daemon)
    put_rule(events, bus, {"filters": [
        {"any": [{"prefix": {"type": "orders."}}, {"exact": {"type": "invoice"}}]},
        {"cesql": "source = 'shop' AND NOT (type LIKE '%.cancelled')"}]}, arn)
    for number, kind in enumerate(("orders.placed", "orders.cancelled", "invoice", "other")):
        put_event(events, bus, kind, {"n": number})
    assert received(daemon, url) == [{"n": 0}, {"n": 2}]


def test_a_tag_that_accepts_nothing_is_refused(daemon):
    functions = daemon.boto("lambda")
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        daemon.create("accepting", RECORDER, Tags={"accepts": "orders.++.late"})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    daemon.create("accepting", RECORDER, Tags={"accepts": "orders.++"})
    arn = functions.get_function(FunctionName="accepting")["Configuration"]["FunctionArn"]
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        functions.tag_resource(Resource=arn, Tags={"accepts": "invoices.+ .paid"})
    assert refused.value.response["Error"]["Message"] == (
        "The tag 'accepts': '.paid' is no pattern: words joined by dots, '+' for any one, '++' "
        "at the end for any rest.")
    assert functions.list_tags(Resource=arn)["Tags"] == {"accepts": "orders.++"}


def test_functions_are_found_by_their_tags(daemon, events, bus):
    tags = {"meant": {"team": "billing", "accepts": "orders.++ invoices.late"},
            "later": {"team": "billing", "accepts": "invoices.+"},
            "others": {"team": "shipping", "accepts": "++"},
            "silent": {"team": "billing"}}
    for name, its in tags.items():
        daemon.create(name, RECORDER, Tags=its)
    account, region = daemon.boto("lambda").get_function(FunctionName="meant")[
        "Configuration"]["FunctionArn"].split(":")[4:2:-1]
    put_rule(events, bus, {"source": ["shop"]},
             f"arn:aws:lambda:{region}:{account}:function-tagged:team=billing")
    put_rule(events, bus, {"detail-type": ["done"]},
             f"arn:aws:lambda:{region}:{account}:function-tagged:team=shipping")
    for kind in ("orders.eu.placed", "invoices.late", "done"):
        put_event(events, bus, kind, {})
    evoke_daemon.wait_until(lambda: seen(daemon, "others") == ["done"], "the last event")
    evoke_daemon.wait_until(lambda: len(seen(daemon, "meant")) == 2, "both events")
    evoke_daemon.wait_until(lambda: seen(daemon, "later") == ["invoices.late"], "the late event")
    assert sorted(seen(daemon, "meant")) == ["invoices.late", "orders.eu.placed"]
    assert seen(daemon, "silent") == []


def test_what_is_no_filter_or_selector_is_refused_with_its_reason(events, bus):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        events.put_rule(Name="bad", EventBusName=bus, EventPattern='{"filters": [{"cesql": "a ="}]}')
    assert error.value.response["Error"] == {
        "Code": "InvalidEventPatternException",
        "Message": "Event pattern is not valid. Reason: filters[0].cesql: at character 4: expected "
                   "a value, found 'the end'"}
    events.put_rule(Name="good", EventBusName=bus, EventPattern='{"source": ["a"]}')
    with pytest.raises(botocore.exceptions.ClientError) as error:
        events.put_targets(Rule="good", EventBusName=bus, Targets=[
            {"Id": "1", "Arn": "arn:aws:lambda:us-east-1:000000000000:function-tagged:=x"}])
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert "names no tag" in error.value.response["Error"]["Message"]
