# SPDX-License-Identifier: Apache-2.0
"""An instance's access key: it opens what function.yaml lists under `calls`, inside and outside,
as long as the instance lives, and with its own session token only."""

import boto3
import botocore.exceptions
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from evoke_daemon import wait_until

CALLER = {"function.yaml": "calls: [listed]\n", "main.py": '''
import json, os, urllib.request, boto3, botocore
from botocore.config import Config
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

def value_of(shape, depth=0):
    """The least that a parameter of that shape takes."""
    kind = shape.type_name
    if kind == "structure":
        return {n: value_of(shape.members[n], depth + 1) for n in shape.required_members} if depth < 6 else {}
    if kind == "string": return (shape.enum or ["a" * max(1, shape.metadata.get("min", 1))])[0]
    return {"list": [], "map": {}, "boolean": False, "blob": b"x", "timestamp": 0, "float": 1.0,
            "double": 1.0}.get(kind, max(1, shape.metadata.get("min", 1)))

def outcome(call, **arguments):
    try:
        call(**arguments)
        return "done"
    except botocore.exceptions.ClientError as error: return error.response["Error"]["Code"]

def handler(event, context):
    keys = event.get("keys") or [os.environ[name] for name in NAMES]
    config = Config(retries={"max_attempts": 0}, parameter_validation=False)
    make = lambda service: boto3.client(service, aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
                                        aws_session_token=keys[2], config=config)
    if event["do"] == "exit": os._exit(1)
    if event["do"] == "keys": return keys
    if event["do"] == "who": return make("sts").get_caller_identity()["Arn"]
    if event["do"] == "invoke":
        return outcome(make("lambda").invoke, FunctionName=event["target"], Payload="{}")
    if event["do"] == "own sdk":  # as anyone would write it
        return json.load(boto3.client("lambda").invoke(FunctionName="listed", Payload="{}")["Payload"])
    client = make(event["service"])
    tried = {}
    for name in client.meta.service_model.operation_names:
        shape = client.meta.service_model.operation_model(name).input_shape
        call = getattr(client, botocore.xform_name(name))
        tried[name] = outcome(call, **(value_of(shape) if shape else {}))
    return tried
'''}
PLAIN = {"main.py": "def handler(event, context):\n    return 'reached'\n"}
DENIED = "AccessDeniedException"
# Names of one function that a list of names must not be fooled by.
NOT_LISTED = ["other", "caller", "Listed", "listed2", "liste", "unknown", "other:$LATEST",
              "arn:aws:lambda:us-east-1:000000000000:function:other", "000000000000:function:other",
              "function:other", "arn:aws:lambda:us-east-1:111111111111:function:listed"]


@pytest.fixture(scope="module")
def ask(daemon):
    daemon.create("listed", PLAIN)
    daemon.create("other", PLAIN)
    for name in ("caller", "second"):
        daemon.create(name, CALLER, Timeout=60, MemorySize=512)

    def call(do, name="caller", **event):
        daemon.settle()  # one instance is asked again and again
        payload, answer = daemon.invoke(name, {"do": do, **event})
        assert "FunctionError" not in answer, payload
        return payload

    return call


def outside(daemon, keys, service="lambda"):
    return boto3.client(service, endpoint_url=daemon.api, region_name="us-east-1",
                        aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
                        aws_session_token=keys[2])


def code_of(call, **arguments):
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404), error
        return error.response["Error"]["Code"]
    return "done"


def test_a_listed_function_is_called_by_an_unmodified_sdk(ask):
    assert ask("own sdk") == "reached"
    assert ask("who") == "arn:aws:sts::000000000000:assumed-role/test/caller"


def test_no_other_function_is_called(daemon, ask):
    """11 names, from inside and from outside: 0 reached."""
    client = outside(daemon, ask("keys"))
    for name in NOT_LISTED:
        wrong = (DENIED, "ResourceNotFoundException")
        assert ask("invoke", target=name) in wrong, name
        assert code_of(client.invoke, FunctionName=name, Payload="{}") in wrong, name


@pytest.mark.parametrize("service, least", [("lambda", 60), ("logs", 40)])
def test_every_other_action_is_denied(ask, service, least):
    """Each action that the SDK knows, from inside: 0 done."""
    tried = ask("all", service=service)
    assert len(tried) > least
    denied = [name for name, code in tried.items() if code == DENIED]
    unserved = [name for name, code in tried.items() if code == "UnknownOperationException"]
    assert len(denied) + len(unserved) == len(tried) and len(denied) > 20, tried


def test_outside_the_same_is_allowed_while_the_instance_lives(daemon, ask):
    client = outside(daemon, ask("keys"))
    assert client.invoke(FunctionName="listed", Payload="{}")["Payload"].read() == b'"reached"'
    assert code_of(client.list_functions) == DENIED
    assert code_of(client.delete_function, FunctionName="caller") == DENIED
    assert code_of(client.get_function, FunctionName="listed") == DENIED


def test_the_key_dies_with_its_instance(daemon, ask):
    keys = ask("keys")
    client = outside(daemon, keys)
    assert code_of(client.invoke, FunctionName="listed", Payload="{}") == "done"
    daemon.settle()
    assert daemon.invoke("caller", {"do": "exit"})[1]["FunctionError"] == "Unhandled"
    wait_until(lambda: code_of(client.invoke, FunctionName="listed", Payload="{}") != "done",
               "the end of the key")
    new = ask("keys")
    assert new[0] != keys[0] and new[1] != keys[1] and new[2] != keys[2]
    for number in range(100):
        assert code_of(client.invoke, FunctionName="listed") == "UnrecognizedClientException", number


def test_a_key_opens_nothing_in_another_sandbox(ask):
    keys = ask("keys", name="second")
    assert ask("invoke", target="listed") == "done"
    assert ask("invoke", keys=keys, target="listed") == "UnrecognizedClientException"


def test_forged_keys_and_tokens_are_refused(daemon, ask):
    """Each of 60 forgeries of a live key: 0 accepted, and the true one still works."""
    keys, others, root = ask("keys"), ask("keys", name="second"), daemon.keys()
    key, secret, token = keys
    flipped = [(key, secret, token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1:])
               for at in range(0, len(token), max(1, len(token) // 40))]
    forged = flipped + [
        (key, secret, None), (key, secret, " "), (key, secret, "x"), (key, secret, token[:-1]),
        (key, secret, token + "A"), (key, secret, token * 20), (key, secret, others[2]),
        (others[0], secret, token), (key, others[1], token), (key, root[1], token), (key, root[1], None),
        (root[0], secret, None), (root[0], secret, token), (root[0], root[1], token),
        (others[0], others[1], token), (key[:-1] + ("A" if key[-1] != "A" else "B"), secret, token),
        ("AKIA" + key[4:], secret, token), (root[0], secret, None), (key.lower(), secret, token),
        ("ASIA" + "A" * 16, secret, token), ("ASIA" + "7" * 16, "x" * 40, "x")]
    assert len(forged) >= 60
    accepted = [pair for pair in forged if code_of(
        outside(daemon, pair).invoke, FunctionName="listed", Payload="{}") in ("done", DENIED)]
    assert accepted == []
    assert code_of(outside(daemon, keys).invoke, FunctionName="listed", Payload="{}") == "done"


def test_a_signed_url_of_an_unlisted_function_stays_closed(daemon, ask):
    client = daemon.boto("lambda")
    keys, status = ask("keys"), {}
    for name in ("listed", "other"):
        made = client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM")
        path = "/urls/" + made["FunctionUrl"].split("//")[1].split(".")[0] + "/"
        request = AWSRequest("GET", daemon.gateway + path)
        SigV4Auth(Credentials(*keys), "lambda", "us-east-1").add_auth(request)
        status[name] = daemon.get(path, headers=dict(request.headers))[0]
    assert status == {"listed": 200, "other": 403}
