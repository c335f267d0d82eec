# SPDX-License-Identifier: Apache-2.0
"""What function.yaml says of events, seen through the API that says it too."""
import pytest
from evoke_daemon import make_zip, wait_until

CODE = "def handler(event, context):\n    return 1\n"
ACCOUNT = "us-east-1:000000000000:"


def test_async_settings_are_those_of_the_api(daemon):
    client = daemon.boto("lambda")
    daemon.create("tried", {"main.py": CODE, "function.yaml": (
        "async:\n  retries: 1\n  max-age: 600\n  on-success: bus:default\n"
        "  on-failure: queue:failed\n  dead-letter: queue:dead\n")})
    config = client.get_function_event_invoke_config(FunctionName="tried")
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (1, 600)
    assert config["DestinationConfig"] == {
        "OnSuccess": {"Destination": f"arn:aws:events:{ACCOUNT}event-bus/default"},
        "OnFailure": {"Destination": f"arn:aws:sqs:{ACCOUNT}failed"}}
    dead = client.get_function_configuration(FunctionName="tried")["DeadLetterConfig"]
    assert dead == {"TargetArn": f"arn:aws:sqs:{ACCOUNT}dead"}


@pytest.mark.parametrize("yaml,reason", [
    ("async: {retries: 3}\n", "line 1, column 18: 'retries' must be a whole number from 0 to 2"),
    ("async: {max-age: 5}\n", "'max-age' must be a whole number from 60 to 21600"),
    ("async: {on-failure: mail}\n", "'on-failure' must be function:NAME, queue:NAME"),
    ("async: {dead-letter: bus:x}\n", "'dead-letter' must be queue:NAME"),
])
def test_async_settings_that_are_wrong_are_refused(daemon, yaml, reason):
    client = daemon.boto("lambda")
    with pytest.raises(client.exceptions.ClientError) as raised:
        daemon.create("untried", {"main.py": CODE, "function.yaml": yaml})
    assert reason in str(raised.value)


# --- events ---

TOLD = "def handler(event, context):\n    print('told', event['source'])\n"


def rules(daemon, bus="default"):
    return {one["Name"]: one for one in daemon.boto("events").list_rules(EventBusName=bus)["Rules"]}


def put(daemon, bus, source):
    answer = daemon.boto("events").put_events(Entries=[
        {"EventBusName": bus, "Source": source, "DetailType": "t", "Detail": "{}"}])
    assert answer["FailedEntryCount"] == 0


def update(daemon, name, yaml):
    client = daemon.boto("lambda")
    client.update_function_code(FunctionName=name,
                                ZipFile=make_zip({"main.py": TOLD, "function.yaml": yaml}))
    daemon.wait_active(client, name)


def told(daemon, name):
    return daemon.run("logs", name).stdout


def test_events_make_a_rule_that_follows_the_file_and_goes_with_the_function(daemon):
    events, client = daemon.boto("events"), daemon.boto("lambda")
    events.create_event_bus(Name="shop")
    daemon.create("told", {"main.py": TOLD, "function.yaml": "events: {pattern: {source: [a]}}\n"})
    assert rules(daemon)["told"]["ManagedBy"] == "function.yaml"
    put(daemon, "default", "b")
    put(daemon, "default", "a")
    wait_until(lambda: "told a" in told(daemon, "told"), "the event")
    assert "told b" not in told(daemon, "told")
    update(daemon, "told", "events: {bus: shop, filters: [{prefix: {source: c}}]}\n")
    assert "told" not in rules(daemon) and "told" in rules(daemon, "shop")
    put(daemon, "shop", "cc")
    wait_until(lambda: "told cc" in told(daemon, "told"), "the other event")
    client.delete_function(FunctionName="told")
    assert "told" not in rules(daemon, "shop")


@pytest.mark.parametrize("yaml,reason", [
    ("events: {pattern: {source: a}}\n", "line 1, column 19: pattern"),
    ("events: {bus: none}\n", "must have either a pattern or filters"),
    ("events: {bus: none, pattern: {source: [a]}}\n", "an event bus that does not exist"),
    ("events: {pattern: {source: [a]}}\n", "there is one that was made by hand"),
])
def test_events_that_are_wrong_are_refused(daemon, yaml, reason):
    client = daemon.boto("lambda")
    daemon.boto("events").put_rule(Name="mine", EventPattern='{"source": ["x"]}')
    with pytest.raises(client.exceptions.ClientError) as raised:
        daemon.create("mine", {"main.py": CODE, "function.yaml": yaml})
    assert reason in str(raised.value)
    assert "ManagedBy" not in rules(daemon)["mine"]
