# SPDX-License-Identifier: Apache-2.0
"""Functions that cause themselves are stopped after sixteen, unless they are allowed to."""
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from test_async import RECORDER, put, seen, wait_for, wait_seen, waiting  # noqa: E402

CHAIN = """
import boto3, json
client = boto3.client("lambda")
def handler(event, context):
    print('EVENT ' + json.dumps({'event': event}))
    n = event["n"]
    if n >= event.get("last", 100):
        return {"depth": n}
    try:
        answer = client.invoke(FunctionName=context.function_name, InvocationType=event["type"],
                               Payload=json.dumps({**event, "n": n + 1}))
    except Exception as error:
        return {"depth": n, "code": error.response["Error"]["Code"]}
    payload = answer["Payload"].read()
    return json.loads(payload) if payload else None
"""


def create(daemon, name):
    daemon.create(name, {"main.py": CHAIN, "function.yaml": f"calls: [{name}]\n"}, Timeout=60,
                  MemorySize=256)


@pytest.fixture(scope="module", name="loops")
def _loops(daemon):
    create(daemon, "chain")
    daemon.create("chain-heir", RECORDER)
    arn = daemon.boto("lambda").get_function(FunctionName="chain-heir")["Configuration"][
        "FunctionArn"]
    daemon.boto("lambda").put_function_event_invoke_config(
        FunctionName="chain", DestinationConfig={"OnFailure": {"Destination": arn}})
    return daemon


def test_a_chain_of_events_ends_after_sixteen_invocations(loops):
    put(loops, "chain", {"n": 1, "type": "Event"})
    [told] = wait_seen(loops, "chain-heir", 1)
    context = told["event"]["requestContext"]
    assert context["condition"] == "RecursiveInvocationException"
    assert context["approximateInvokeCount"] == 0
    assert told["event"]["requestPayload"]["n"] == 17
    wait_for(lambda: waiting(loops) == 0, "the end of the backlog")
    assert sorted(one["event"]["n"] for one in seen(loops, "chain")) == list(range(1, 17))


def test_a_chain_of_calls_ends_after_sixteen_invocations(loops):
    create(loops, "calls")
    answer = loops.invoke("calls", {"n": 1, "type": "RequestResponse"})[0]
    assert answer == {"depth": 16, "code": "RecursiveInvocationException"}


def test_a_function_may_be_allowed_to_loop(loops):
    create(loops, "allowed")
    status, answer = loops.signed("PUT", "/2024-08-31/functions/allowed/recursion-config",
                                  {"RecursiveLoop": "Allow"})
    assert (status, answer) == (200, {"RecursiveLoop": "Allow"})
    put(loops, "allowed", {"n": 1, "type": "Event", "last": 20})
    wait_seen(loops, "allowed", 20)
    wait_for(lambda: waiting(loops) == 0, "the end of the backlog")
    assert sorted(one["event"]["n"] for one in seen(loops, "allowed")) == list(range(1, 21))
