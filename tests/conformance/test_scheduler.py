# SPDX-License-Identifier: Apache-2.0
"""Every recorded case of the EventBridge Scheduler, played with boto3 against a daemon. And the
expressions that AWS accepted and refused, which were recorded as lists."""
import pathlib
import re
import sys

import botocore.exceptions
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import evoke_daemon  # noqa: E402
import player  # noqa: E402

RECORDED = evoke_daemon.SHARED / "conformance" / "scheduler.jsonl"
CASES = player.load(RECORDED) if RECORDED.exists() else []
ROLE = "arn:aws:iam::000000000000:role/scheduler"


def _name(case):
    return case["test"].split("::", 1)[-1]


def _fill(value, results):
    if isinstance(value, dict):
        return {key: _fill(one, results) for key, one in value.items()}
    if isinstance(value, list):
        return [_fill(one, results) for one in value]
    if not isinstance(value, str):
        return value
    if value == "{{scheduler_role.read()}}":
        return ROLE
    found = re.fullmatch(r"\{\{c(\d+)((?:\.\w+)*)\}\}", value)
    if not found:
        return value
    filled = results[int(found[1])]
    for step in filter(None, found[2].split(".")):
        filled = filled[step]
    return filled


def _call(client, call, results):
    params = _fill(call["params"], results)
    if call["service"] == "$fixture":
        assert call["op"] == "events_scheduler_create_schedule_group", call
        return client.create_schedule_group(Name=call["args"][0], **params)["ScheduleGroupArn"]
    try:
        answer = getattr(client, call["op"])(**params)
    except botocore.exceptions.ClientError as err:
        assert call.get("expect_error"), err
        return {"error": err.response}
    assert not call.get("expect_error"), answer
    return answer


def _comparable(answer):
    """Without the headers, and without the members the SDK adds to errors."""
    answer = dict(answer)
    meta = answer.pop("ResponseMetadata", {})
    answer.pop("Message", None)
    return {**answer, "status": meta.get("HTTPStatusCode")}


@pytest.mark.skipif(not CASES, reason=f"the recordings are not there ({RECORDED})")
@pytest.mark.parametrize("case", CASES, ids=list(map(_name, CASES)))
def test_recorded(daemon, case):
    client, results, known, wrong = daemon.boto("scheduler"), {}, {}, []
    for call in case["calls"]:
        results[call["id"]] = _call(client, call, results)
    for match in case["matches"]:
        expected = _comparable(case["expected"][match["label"]])
        actual = _comparable(_fill(match["value"], results))
        wrong += player.differences(expected, actual, known)
    assert not wrong, "\n".join(wrong)


def _create(client, name, expression, **more):
    return client.create_schedule(
        Name=name, ScheduleExpression=expression, FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": "arn:aws:lambda:us-east-1:000000000000:function:dummy", "RoleArn": ROLE},
        **more)


ACCEPTED = ["cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)", "cron(30-30 13-13 ? * 2,4,6 *)",
            "cron(1-31/30 1-1 ? * 1,7 *)", "cron(*/15 * * * ? *)", "cron(0-59/10 0-23/2 ? * * *)",
            "rate(1 minute)", "rate(5 minutes)", "at(2199-12-31T23:59:59)"]
REFUSED = ["cron(0 1 * * * *)", "cron(7 20 * * NOT *)", "cron(INVALID)",
           "cron(0 dummy ? * MON-FRI *)", "cron(71 8 1 * ? *)", "cron()", "rate(10 seconds)",
           "rate(10 years)", "rate()", "rate(10)", "rate(10 minutess)", "rate(foo minutes)",
           "rate(-10 minutes)", "rate( 10 minutes )", " rate(10 minutes)",
           "at(2021-12-31T23:59:59Z)", "at(2021-12-31)"]


@pytest.mark.parametrize("expression", ACCEPTED)
def test_expression_is_accepted(daemon, expression):
    client = daemon.boto("scheduler")
    name = f"accepted-{ACCEPTED.index(expression)}"
    arn = _create(client, name, expression)["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:us-east-1:000000000000:schedule/default/{name}"
    assert client.get_schedule(Name=name)["ScheduleExpression"] == expression


@pytest.mark.parametrize("expression", REFUSED)
def test_expression_is_refused(daemon, expression):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        _create(daemon.boto("scheduler"), "refused", expression)
    error = caught.value.response
    assert error["Error"]["Code"] == "ValidationException"
    assert error["Message"] == f"Invalid Schedule Expression {expression}."
