# SPDX-License-Identifier: Apache-2.0
"""What function.yaml says of events, seen through the API that says it too."""
import pytest

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
