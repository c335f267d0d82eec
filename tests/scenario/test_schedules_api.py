# SPDX-License-Identifier: Apache-2.0
"""The EventBridge Scheduler's actions: what they keep, list and refuse."""
import datetime
import uuid

import botocore.exceptions
import pytest

ROLE = "arn:aws:iam::000000000000:role/scheduler"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:nobody"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:nobody"


@pytest.fixture
def client(daemon):
    return daemon.boto("scheduler")


def create(client, name, expression="rate(1 day)", target=None, **more):
    return client.create_schedule(**{
        "Name": name, "ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"},
        "State": "DISABLED", "Target": {"Arn": FUNCTION, "RoleArn": ROLE, **(target or {})},
        **more})


def refused(call, *arguments, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*arguments, **keywords)
    response = caught.value.response
    return (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"],
            response.get("Message") or response["Error"]["Message"])


def test_a_schedule_shows_its_defaults(client):
    create(client, "plain", State="ENABLED")
    shown = client.get_schedule(Name="plain")
    assert shown["Arn"].endswith(":schedule/default/plain")
    assert shown["GroupName"] == "default" and shown["State"] == "ENABLED"
    assert shown["ScheduleExpressionTimezone"] == "UTC"
    assert shown["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert shown["Target"] == {
        "Arn": FUNCTION, "RoleArn": ROLE,
        "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}}
    assert isinstance(shown["CreationDate"], datetime.datetime)
    assert "-" not in shown and "Description" not in shown


def test_an_update_replaces_everything(client):
    create(client, "changing", Description="first", ScheduleExpressionTimezone="Europe/Berlin")
    before = client.get_schedule(Name="changing")
    client.update_schedule(
        Name="changing", ScheduleExpression="cron(0 9 ? * MON-FRI *)",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        Target={"Arn": QUEUE, "RoleArn": ROLE, "Input": "any text",
                "DeadLetterConfig": {"Arn": QUEUE}})
    after = client.get_schedule(Name="changing")
    assert "Description" not in after and after["ScheduleExpressionTimezone"] == "UTC"
    assert after["State"] == "ENABLED"
    assert after["Target"]["Input"] == "any text"
    assert after["FlexibleTimeWindow"]["MaximumWindowInMinutes"] == 15
    assert after["CreationDate"] == before["CreationDate"]
    assert after["LastModificationDate"] >= before["LastModificationDate"]


def test_what_is_missing_or_there_already_is_told(client):
    create(client, "there")
    assert refused(create, client, "there") == (
        "ConflictException", 409, "Schedule there already exists.")
    assert refused(client.get_schedule, Name="absent") == (
        "ResourceNotFoundException", 404, "Schedule absent does not exist.")
    assert refused(client.delete_schedule, Name="absent")[1] == 404
    assert refused(create, client, "lost", GroupName="absent") == (
        "ResourceNotFoundException", 404, "Schedule group absent does not exist.")
    assert refused(client.get_schedule_group, Name="absent")[2] == (
        "Schedule group absent does not exist.")


def test_a_request_that_comes_again_is_answered_alike(client):
    token = str(uuid.uuid4())
    first = create(client, "once", ClientToken=token)
    assert create(client, "once", ClientToken=token)["ScheduleArn"] == first["ScheduleArn"]
    assert refused(create, client, "once", "rate(2 days)", ClientToken=token)[0] == (
        "ConflictException")
    group = client.create_schedule_group(Name="once", ClientToken=token)
    again = client.create_schedule_group(Name="once", ClientToken=token)
    assert again["ScheduleGroupArn"] == group["ScheduleGroupArn"]


@pytest.mark.parametrize("target, message", [
    ({"Arn": "arn:aws:scheduler:::aws-sdk:cobol:run"},
     "cobol is not a supported service for a target."),
    ({"Arn": "arn:aws:scheduler:::aws-sdk:sqs:receiveMessage"},
     "receiveMessage is not a supported api for a target."),
    ({"Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
     "kinesis is not a supported service for a target"),
    ({"Input": "{not json"}, "Input must be valid JSON."),
])
def test_targets_that_cannot_be_started_are_refused(client, target, message):
    code, status, text = refused(create, client, "wrong", target=target)
    assert (code, status) == ("ValidationException", 400) and message in text


@pytest.mark.parametrize("more, message", [
    ({"ScheduleExpressionTimezone": "Europe/Nowhere"},
     "Invalid Schedule Expression Timezone Europe/Nowhere."),
    ({"StartDate": datetime.datetime(2020, 1, 1)},
     "The StartDate you specify cannot be earlier than 5 minutes ago."),
    ({"EndDate": datetime.datetime(2020, 1, 1)}, "The EndDate you specify must be in the future."),
    ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
     "MaximumWindowInMinutes must be provided if Mode is set to FLEXIBLE."),
    ({"State": "SLEEPING"}, "Member must satisfy enum value set: [DISABLED, ENABLED]"),
])
def test_settings_that_make_no_sense_are_refused(client, more, message):
    code, status, text = refused(create, client, "wrong", **more)
    assert (code, status) == ("ValidationException", 400) and message in text


def test_lists_are_filtered_and_come_in_pages(client):
    client.create_schedule_group(Name="listed")
    for index in range(7):
        create(client, f"item-{index}", GroupName="listed")
    create(client, "other", GroupName="listed", State="ENABLED")
    pages = client.get_paginator("list_schedules").paginate(
        GroupName="listed", NamePrefix="item-", PaginationConfig={"PageSize": 3})
    names = [[one["Name"] for one in page["Schedules"]] for page in pages]
    assert names == [["item-0", "item-1", "item-2"], ["item-3", "item-4", "item-5"], ["item-6"]]
    enabled = client.list_schedules(GroupName="listed", State="ENABLED")["Schedules"]
    assert [one["Name"] for one in enabled] == ["other"]
    assert enabled[0]["Target"] == {"Arn": FUNCTION}
    groups = [one["Name"] for one in client.list_schedule_groups()["ScheduleGroups"]]
    assert groups == sorted(groups) and {"default", "listed"} <= set(groups)


def test_a_group_goes_with_its_schedules(make_daemon):
    daemon = make_daemon("--shards", "1")
    client = daemon.boto("scheduler")
    client.create_schedule_group(Name="doomed", Tags=[{"Key": "a", "Value": "b"}])
    for index in range(20):
        create(client, f"s-{index}", GroupName="doomed")
    create(client, "stays")
    client.delete_schedule_group(Name="doomed")
    while True:
        groups = {one["Name"]: one for one in client.list_schedule_groups()["ScheduleGroups"]}
        if "doomed" not in groups:
            break
        assert groups["doomed"]["State"] == "DELETING"
    assert [one["Name"] for one in client.list_schedules()["Schedules"]] == ["stays"]
    assert refused(client.delete_schedule_group, Name="default")[0] == "ValidationException"


def test_schedules_outlive_the_daemon(make_daemon):
    daemon = make_daemon("--shards", "1")
    client = daemon.boto("scheduler")
    client.create_schedule_group(Name="kept", Tags=[{"Key": "a", "Value": "b"}])
    create(client, "kept", GroupName="kept", Description="still here")
    before = client.get_schedule(Name="kept", GroupName="kept")
    daemon.kill()
    daemon.start()
    client = daemon.boto("scheduler")
    after = client.get_schedule(Name="kept", GroupName="kept")
    before.pop("ResponseMetadata"), after.pop("ResponseMetadata")
    assert after == before
    arn = client.get_schedule_group(Name="kept")["Arn"]
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
