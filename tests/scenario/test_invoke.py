# SPDX-License-Identifier: Apache-2.0
"""Invoking through the Lambda API: what works, and how each failure looks to the caller."""
import base64
import concurrent.futures
import json

import botocore.exceptions
import pytest

from c_function import bootstrap
from gate import PYTHON as GATED, Gate

CODE = {"main.py": '''
import os, sys, time, ctypes
def handler(event, context):
    do = event.get("do")
    if do == "echo": return event["value"]
    if do == "size": return "x" * event["bytes"]
    if do == "length": return len(event["value"])
    if do == "raise": raise KeyError("missing thing")
    if do == "exit": os._exit(event["code"])
    if do == "signal": os.kill(os.getpid(), event["number"])
    if do == "sleep": time.sleep(event["s"]); return "slept"
    if do == "memory":
        kept = [bytearray(b"x" * (1 << 20)) for _ in range(4096)]
    if do == "forks":
        while True:
            if os.fork() == 0: time.sleep(100)
    if do == "print": print("one"); sys.stderr.write("two\\n"); print("three €"); return "printed"
    if do == "context": return {"name": context.function_name, "version": context.function_version,
        "arn": context.invoked_function_arn, "memory": context.memory_limit_in_mb,
        "id": context.aws_request_id, "left": context.get_remaining_time_in_millis(),
        "client": context.client_context and context.client_context.custom}
    return do
'''}


@pytest.fixture(scope="module")
def invoke(daemon):
    daemon.create("f", CODE, Timeout=3)

    def call(event, **settings):
        return daemon.invoke("f", event, **settings)

    call({"do": "echo", "value": 1})
    return call


def works(invoke):
    return invoke({"do": "echo", "value": "still"})[0] == "still"


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "text", "grüße 🙂 \u2028", [], {},
                                   {"a": [1, {"b": None}]}, "\x00\x1f\"\\/"])
def test_json_values_come_back_as_they_went(invoke, value):
    assert invoke({"do": "echo", "value": value})[0] == value


def test_six_megabytes_each_way(invoke):
    assert invoke({"do": "length", "value": "x" * 6_000_000})[0] == 6_000_000
    assert len(invoke({"do": "size", "bytes": 6_000_000})[0]) == 6_000_000


def test_an_answer_beyond_the_limit_is_an_error(invoke):
    payload, answer = invoke({"do": "size", "bytes": 6_400_000})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Function.ResponseSizeTooLarge"
    assert works(invoke)


def test_a_request_beyond_the_limit_is_413(daemon, invoke):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        invoke({"do": "length", "value": "x" * 6_400_000})
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_an_exception_tells_type_message_and_stack(invoke):
    payload, answer = invoke({"do": "raise"})
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "KeyError" and "missing thing" in payload["errorMessage"]
    assert "/var/task/main.py" in payload["stackTrace"][0]


@pytest.mark.parametrize("event, message", [
    ({"do": "exit", "code": 0}, "Runtime exited without providing a reason"),
    ({"do": "exit", "code": 1}, "Runtime exited with error: exit status 1"),
    ({"do": "exit", "code": 200}, "Runtime exited with error: exit status 200"),
    ({"do": "signal", "number": 9}, "Runtime exited with error: signal: killed"),
    ({"do": "signal", "number": 11}, "Runtime exited with error: signal: segmentation fault"),
    ({"do": "signal", "number": 15}, "Runtime exited with error: signal: terminated"),
])
def test_the_end_of_the_process_is_told_as_lambda_does(invoke, event, message):
    payload, answer = invoke(event)
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith("Error: " + message)
    assert payload["errorMessage"].startswith("RequestId: ")
    assert works(invoke)


def test_measures_are_kept_by_function(daemon):
    daemon.create("measured", {"main.py": "def handler(e, c):\n    return 1 / e\n"})
    for event in (1, 1, 0):
        daemon.invoke("measured", event)
    text = daemon.get("/metrics", which="api")[2].decode()
    for name, value in (("invocations_total", 3), ("errors_total", 1), ("throttles_total", 0),
                        ("duration_seconds_count", 3)):
        assert f'\nevoke_function_{name}{{function="measured"}} {value}\n' in text, name


def test_a_timeout_is_told_and_the_next_call_works(invoke):
    payload, answer = invoke({"do": "sleep", "s": 30}, LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.index("START ") < log.index("Task timed out"), log
    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"].endswith("Error: Task timed out after 3.00 seconds")
    assert works(invoke)


def test_memory_beyond_the_limit_ends_the_process_and_the_log_says_so(daemon):
    daemon.create("hungry", CODE, Timeout=60)

    def invoke(event, **settings):
        return daemon.invoke("hungry", event, **settings)

    payload, answer = invoke({"do": "memory"}, LogType="Tail")
    assert payload["errorMessage"].endswith("Runtime exited with error: signal: killed")
    log = base64.b64decode(answer["LogResult"]).decode()
    places = [log.index(word) for word in ("START ", "out of memory", "signal: killed", "END ", "REPORT ")]
    assert places == sorted(places), log
    assert works(invoke)


def test_a_fork_bomb_hurts_itself_only(invoke):
    payload, answer = invoke({"do": "forks"})
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] in ("BlockingIOError", "OSError", "Runtime.ExitError",
                                    "Sandbox.Timedout")
    assert works(invoke)


def test_the_log_tail_holds_what_was_printed_in_order(invoke):
    _, answer = invoke({"do": "print"}, LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    lines = [line for line in tail.splitlines() if line]
    assert lines[0].startswith("START RequestId: ") and lines[0].endswith("Version: $LATEST")
    assert lines[1:4] == ["one", "two", "three €"]
    assert lines[4].startswith("END RequestId: ")
    assert lines[5].startswith("REPORT RequestId: ") and "Max Memory Used: " in lines[5]


def test_the_context_is_that_of_the_function(invoke):
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    payload, answer = invoke({"do": "context"}, ClientContext=context)
    assert payload["name"] == "f" and payload["version"] == "$LATEST"
    assert payload["arn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert payload["id"] == answer["ResponseMetadata"]["RequestId"]
    assert 0 < payload["left"] <= 3000 and payload["client"] == {"k": "v"}
    assert str(payload["memory"]) == "128"


def test_an_error_of_a_silent_function_without_network_is_told_in_order(daemon):
    source = """#include "evoke.h"
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_fail(context, "Error", "connect: Network is unreachable");
}
int main(void) { return evoke_run(handler, NULL); }
"""
    daemon.create("silent", {"bootstrap": (bootstrap(source), 0o755)}, runtime="provided.al2023",
                  handler="bootstrap")
    answer = daemon.boto("lambda").invoke(FunctionName="silent", LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert [line.split()[0] for line in lines] == ["START", "evoke:", "END", "REPORT"]


def test_dry_run_checks_and_runs_nothing(daemon):
    answer = daemon.boto("lambda").invoke(FunctionName="f", InvocationType="DryRun")
    assert answer["StatusCode"] == 204


def test_what_is_not_served_yet_says_so(daemon):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        daemon.boto("lambda").list_layers()
    assert "ListLayers" in str(caught.value)


def create_gated(daemon, gate):
    """A function that answers when the gate is open."""
    code = GATED + "def handler(event, context):\n    at_gate()\n    return 'passed'\n"
    daemon.create("gated", {"main.py": code, **gate.files}, Timeout=60, Environment=gate.environment)


def test_calls_at_the_same_time_run_at_the_same_time(daemon):
    with Gate() as gate, concurrent.futures.ThreadPoolExecutor(8) as pool:
        create_gated(daemon, gate)
        running = [pool.submit(daemon.invoke, "gated") for _ in range(8)]
        gate.wait(8)
        gate.open()
        assert [one.result()[0] for one in running] == ["passed"] * 8


def test_beyond_the_concurrency_limit_is_429_at_once(make_daemon):
    daemon = make_daemon("--concurrency", "2")
    with Gate() as gate, concurrent.futures.ThreadPoolExecutor(2) as pool:
        create_gated(daemon, gate)
        running = [pool.submit(daemon.invoke, "gated") for _ in range(2)]
        gate.wait(2)
        for _ in range(4):
            with pytest.raises(botocore.exceptions.ClientError, match="TooManyRequestsException"):
                daemon.invoke("gated")
        gate.open()
        assert [one.result()[0] for one in running] == ["passed"] * 2
