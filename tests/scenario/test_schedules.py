# SPDX-License-Identifier: Apache-2.0
"""Schedules that fire: once for each time, whatever happens to the daemon at that moment."""
import datetime
import json
import threading
import time
import zoneinfo

import evoke_daemon

ROLE = "arn:aws:iam::000000000000:role/scheduler"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"
PRINTS = {"main.py": "import json\ndef handler(event, context):\n    print(json.dumps(event))\n"}


def make_queue(daemon, name, **attributes):
    return daemon.boto("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def schedule(daemon, name, expression, arn, *, group=None, **target):
    more = {"GroupName": group} if group else {}
    return daemon.boto("scheduler").create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": arn, "RoleArn": ROLE, **target}, **more)["ScheduleArn"]


def at(seconds, zone=datetime.timezone.utc):
    """An at() expression so many seconds from now, and that time in UTC."""
    due = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    due += datetime.timedelta(seconds=seconds)
    return due.astimezone(zone).strftime("at(%Y-%m-%dT%H:%M:%S)"), due.strftime("%Y-%m-%dT%H:%M:%SZ")


def receive(daemon, url, seconds=60):
    """The next message, waited for, and taken off the queue; None: none came."""
    sqs, deadline = daemon.boto("sqs"), time.monotonic() + seconds
    while True:
        left = max(0, min(20, round(deadline - time.monotonic())))
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=left,
                                           MessageAttributeNames=["All"]).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return message
        if left == 0 or seconds <= 20:
            return None


def all_bodies(daemon, url, count):
    """The bodies of that many messages and of all that are there beyond."""
    bodies = []
    while len(bodies) < count:
        message = receive(daemon, url)
        assert message, f"{len(bodies)} of {count} messages came"
        bodies.append(message["Body"])
    while message := receive(daemon, url, 0):
        bodies.append(message["Body"])
    return bodies


def printed(daemon, name, wanted):
    """Waits until a function of PRINTS has been given such events, and returns them all."""
    logs, found = daemon.boto("logs"), []

    def look():
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return False
        found[:] = [json.loads(one["message"]) for one in events if one["message"].startswith("{")]
        return len(found) >= wanted

    evoke_daemon.wait_until(look, f"{wanted} events at {name}")
    return found


def test_what_is_due_once_fires_once_with_its_context(daemon):
    url = make_queue(daemon, "once")
    expression, due = at(2)
    arn = schedule(daemon, "once", expression, ARN + "once", Input=json.dumps({
        "arn": "<aws.scheduler.schedule-arn>", "time": "<aws.scheduler.scheduled-time>",
        "id": "<aws.scheduler.execution-id>", "attempt": "<aws.scheduler.attempt-number>"}))
    body = json.loads(receive(daemon, url)["Body"])
    assert len(body.pop("id")) == 16
    assert body == {"arn": arn, "time": due, "attempt": "1"}
    assert receive(daemon, url, 2) is None
    assert daemon.boto("scheduler").get_schedule(Name="once")["State"] == "ENABLED"


def test_a_rate_begins_at_once_and_without_input_tells_what_it_is(daemon):
    url = make_queue(daemon, "rate")
    arn = schedule(daemon, "rate", "rate(1 minute)", ARN + "rate")
    event = json.loads(receive(daemon, url)["Body"])
    assert event["source"] == "aws.scheduler" and event["detail-type"] == "Scheduled Event"
    assert event["resources"] == [arn] and event["account"] == "000000000000"


def test_a_rate_goes_on_from_its_start(daemon):
    url = make_queue(daemon, "started")
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=50)
    daemon.boto("scheduler").create_schedule(
        Name="started", ScheduleExpression="rate(1 minute)", StartDate=start,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": ARN + "started", "RoleArn": ROLE, "Input": "<aws.scheduler.scheduled-time>"})
    due = start.replace(microsecond=0) + datetime.timedelta(seconds=60)
    assert receive(daemon, url)["Body"] == due.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_times_are_those_of_the_time_zone(daemon):
    url = make_queue(daemon, "zone")
    expression, due = at(2, zoneinfo.ZoneInfo("Asia/Kolkata"))
    daemon.boto("scheduler").create_schedule(
        Name="zone", ScheduleExpression=expression, ScheduleExpressionTimezone="Asia/Kolkata",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": ARN + "zone", "RoleArn": ROLE, "Input": "<aws.scheduler.scheduled-time>"})
    assert receive(daemon, url)["Body"] == due


def test_functions_are_invoked_by_both_kinds_of_target(daemon):
    daemon.create("timed", PRINTS)
    schedule(daemon, "templated", at(0)[0], FUNCTION + "timed", Input='{"from": "templated"}')
    schedule(daemon, "universal", at(0)[0], "arn:aws:scheduler:::aws-sdk:lambda:invoke",
             Input=json.dumps({"FunctionName": "timed", "Payload": '{"from": "universal"}'}))
    events = printed(daemon, "timed", 2)
    assert sorted(one["from"] for one in events) == ["templated", "universal"]


def test_messages_are_sent_by_a_universal_target_and_into_fifo_queues(daemon):
    url = make_queue(daemon, "sent")
    schedule(daemon, "sent", at(0)[0], "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
             Input=json.dumps({"QueueUrl": url, "MessageBody": "hello", "MessageAttributes": {
                 "kind": {"DataType": "String", "StringValue": "greeting"}}}))
    message = receive(daemon, url)
    assert message["Body"] == "hello"
    assert message["MessageAttributes"]["kind"]["StringValue"] == "greeting"
    url = make_queue(daemon, "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    schedule(daemon, "ordered", at(0)[0], ARN + "ordered.fifo", Input="in order",
             SqsParameters={"MessageGroupId": "one"})
    assert receive(daemon, url)["Body"] == "in order"


def test_what_cannot_be_started_goes_to_the_dead_letter_queue(daemon):
    url = make_queue(daemon, "dead")
    schedule(daemon, "dead", at(0)[0], "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
             Input='{"QueueUrl": 5}', DeadLetterConfig={"Arn": ARN + "dead"})
    letter = receive(daemon, url)
    assert letter["Body"] == '{"QueueUrl": 5}'
    told = {key: one["StringValue"] for key, one in letter["MessageAttributes"].items()}
    assert told["ERROR_CODE"] == "INVALID_PARAMETER" and "QueueUrl" in told["ERROR_MESSAGE"]
    schedule(daemon, "nowhere", at(0)[0], ARN + "nowhere", Input="lost",
             DeadLetterConfig={"Arn": ARN + "dead"})
    assert receive(daemon, url)["Body"] == "lost"


def test_a_schedule_goes_when_it_is_over_if_it_is_to(daemon):
    url = make_queue(daemon, "over")
    # Debian's boto3 has not heard of ActionAfterCompletion.
    status, answer = daemon.signed("POST", "/schedules/over", {
        "ScheduleExpression": at(0)[0], "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {"Arn": ARN + "over", "RoleArn": ROLE, "Input": "bye"}}, service="scheduler")
    assert status == 200, answer
    assert receive(daemon, url)["Body"] == "bye"
    scheduler = daemon.boto("scheduler")
    evoke_daemon.wait_until(
        lambda: not scheduler.list_schedules(NamePrefix="over")["Schedules"], "its deletion")


def test_a_disabled_schedule_does_not_fire_and_makes_nothing_up(daemon):
    url = make_queue(daemon, "disabled")
    scheduler = daemon.boto("scheduler")
    settings = {
        "Name": "disabled", "ScheduleExpression": at(1)[0], "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": ARN + "disabled", "RoleArn": ROLE, "Input": "no"}}
    scheduler.create_schedule(State="DISABLED", **settings)
    assert receive(daemon, url, 2) is None
    scheduler.update_schedule(State="ENABLED", **settings)
    scheduler.update_schedule(**{**settings, "ScheduleExpression": at(0)[0], "Target": {
        **settings["Target"], "Input": "yes"}})
    assert all_bodies(daemon, url, 1) == ["yes"]


def test_what_was_due_while_the_daemon_was_down_fires_once(make_daemon):
    daemon = make_daemon("--shards", "1")
    url = make_queue(daemon, "down").replace(daemon.api, "")
    expression, due = at(1)
    schedule(daemon, "missed", expression, ARN + "down", Input="<aws.scheduler.scheduled-time>")
    old = datetime.datetime.now() - datetime.timedelta(days=2)
    schedule(daemon, "too-old", old.strftime("at(%Y-%m-%dT%H:%M:%S)"), ARN + "down", Input="old")
    daemon.stop()
    evoke_daemon.wait_until(
        lambda: datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") > due,
        "its time")
    daemon.start()
    assert all_bodies(daemon, daemon.api + url, 1) == [due]
    daemon.stop()
    daemon.start()
    assert receive(daemon, daemon.api + url, 1) is None


def test_killed_around_its_time_each_schedule_fires_once(make_daemon):
    daemon = make_daemon("--shards", "1")
    url, count = make_queue(daemon, "killed").replace(daemon.api, ""), 20
    for turn in range(4):
        expression, _due = at(2)
        for index in range(count):
            schedule(daemon, f"s-{turn}-{index}", expression, ARN + "killed",
                     Input=f"{turn}-{index}")
        # From just before to just after: the moment is what the turns vary.
        moment = datetime.datetime.strptime(expression, "at(%Y-%m-%dT%H:%M:%S)").replace(
            tzinfo=datetime.timezone.utc).timestamp() + turn * 0.004
        killed = threading.Event()
        threading.Timer(max(0, moment - time.time()),
                        lambda: (daemon.process.kill(), killed.set())).start()
        assert killed.wait(30)
        daemon.kill()
        daemon.start()
        bodies = all_bodies(daemon, daemon.api + url, count)
        assert sorted(bodies) == sorted(f"{turn}-{index}" for index in range(count))


def test_a_schedule_of_function_yaml_comes_and_goes_with_it(daemon):
    scheduler = daemon.boto("scheduler")
    with_schedule = {**PRINTS, "function.yaml":
                     "schedule:\n  expression: rate(1 minute)\n  input: '{\"tick\": 1}'\n"}
    daemon.create("ticking", with_schedule)
    shown = scheduler.get_schedule(GroupName="function.yaml", Name="ticking")
    assert shown["ScheduleExpression"] == "rate(1 minute)"
    assert shown["Target"]["Arn"] == FUNCTION + "ticking"
    assert printed(daemon, "ticking", 1) == [{"tick": 1}]
    client = daemon.boto("lambda")

    def update(files):
        client.update_function_code(FunctionName="ticking", ZipFile=evoke_daemon.make_zip(files))
        daemon.wait_active(client, "ticking")

    def names():
        return [one["Name"] for one in scheduler.list_schedules(GroupName="function.yaml")["Schedules"]]

    update({**PRINTS, "function.yaml": "schedule: '0 9 * * 1-5'\n"})
    shown = scheduler.get_schedule(GroupName="function.yaml", Name="ticking")
    assert shown["ScheduleExpression"] == "0 9 * * 1-5" and "Input" not in shown["Target"]
    update(PRINTS)
    assert names() == []
    update({**PRINTS, "function.yaml": "schedule: '@daily'\n"})
    assert names() == ["ticking"]
    client.delete_function(FunctionName="ticking")
    assert names() == []


def route(daemon, rule, queue, **settings):
    events = daemon.boto("events")
    events.put_rule(Name=rule, **settings)
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": ARN + queue}])


def test_event_buses_get_events_by_both_kinds_of_target(daemon):
    url = make_queue(daemon, "routed")
    route(daemon, "from-timer", "routed", EventPattern='{"source": ["my.timer"]}')
    schedule(daemon, "event", at(0)[0], "arn:aws:events:us-east-1:000000000000:event-bus/default",
             Input='{"number": 1}',
             EventBridgeParameters={"DetailType": "Tick", "Source": "my.timer"})
    event = json.loads(receive(daemon, url)["Body"])
    assert event["detail-type"] == "Tick" and event["detail"] == {"number": 1}
    schedule(daemon, "events", at(0)[0], "arn:aws:scheduler:::aws-sdk:events:putEvents",
             Input=json.dumps({"Entries": [
                 {"Source": "my.timer", "DetailType": "Tock", "Detail": '{"number": 2}'},
                 {"Source": "my.timer", "DetailType": "Tock", "Detail": '{"number": 3}'}]}))
    numbers = {json.loads(body)["detail"]["number"] for body in all_bodies(daemon, url, 2)}
    assert numbers == {2, 3}


def test_a_rule_fires_by_its_schedule(daemon):
    url = make_queue(daemon, "ruled")
    route(daemon, "each-minute", "ruled", ScheduleExpression="cron(* * * * ? *)")
    message = receive(daemon, url, 80)
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Scheduled Event" and event["source"] == "aws.events"
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/each-minute"]
    assert event["detail"] == {} and event["time"].endswith(":00Z")
    daemon.boto("events").disable_rule(Name="each-minute")
