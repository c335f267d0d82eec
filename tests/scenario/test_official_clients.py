# SPDX-License-Identifier: Apache-2.0
"""Lambda's official runtime clients run unmodified, each as the bootstrap of a package."""
import base64
import os
import time

import pytest

import clients
from evoke_daemon import wait_until

pytestmark = [
    pytest.mark.unsanitized,
    pytest.mark.skipif("EVOKE_SANITIZED" in os.environ,
                       reason="client builds are not repeated under sanitizers"),
]


class Deployed:
    """A function on one of the clients."""

    def __init__(self, daemon, client, package):
        self.daemon, self.client, self.package = daemon, client, package
        self.name = self.deploy("f")

    def deploy(self, name, handler=None, **settings):
        name = f"{self.client.language}-{name}"
        boto = self.daemon.boto("lambda")
        boto.create_function(
            FunctionName=name, Runtime="provided.al2023", Handler=handler or self.client.handler,
            Role="arn:aws:iam::000000000000:role/test", Code={"ZipFile": self.package},
            **{"Timeout": 20, **self.client.settings, **settings})
        self.daemon.wait_active(boto, name)
        return name

    def __call__(self, do, name=None, log=False, **event):
        self.daemon.settle()  # the process that asks for its next event is the one that gets it
        payload, answer = self.daemon.invoke(name or self.name, {"do": do, **event},
                                             **({"LogType": "Tail"} if log else {}))
        answer["Log"] = base64.b64decode(answer.get("LogResult", "")).decode()
        return payload, answer


@pytest.fixture(scope="module")
def deployed():
    """Functions by language."""
    return {}


@pytest.fixture(scope="module", params=clients.CLIENTS)
def function(request, daemon, deployed):
    client = clients.CLIENTS[request.param]
    if client.language not in deployed:
        deployed[client.language] = Deployed(daemon, client, client.package())
    return deployed[client.language]


@pytest.mark.parametrize("value", [None, True, -1.5, "", "grüße 🙂 \u2028", [], {},
                                   {"a": [1, {"b": False}]}, "\x00\x1f\"\\/"])
def test_json_comes_back_as_it_went(function, value):
    payload, answer = function("echo", value=value)
    assert "FunctionError" not in answer, payload
    assert payload == value


@pytest.mark.parametrize("size", [1 << 20, 6_000_000])
def test_large_payloads_each_way(function, size):
    value = ("0123456789abcdef" * (size // 16 + 1))[:size]
    assert function("echo", value=value)[0] == value


def test_an_error_of_the_handler_keeps_its_type_and_message(function):
    payload, answer = function("raise", message="no such thing: ü")
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == function.client.error
    assert payload["errorMessage"] == "no such thing: ü"
    assert function("echo", value=1)[0] == 1


def test_the_process_serves_one_call_after_the_other(function):
    seen = [function("count") for _ in range(5)]
    assert len({payload["pid"] for payload, _ in seen}) == 1
    first = seen[0][0]["calls"]
    assert [payload["calls"] for payload, _ in seen] == list(range(first, first + 5))


def test_the_context_names_the_request_the_function_and_the_deadline(function):
    payload, answer = function("count")
    assert payload["id"] == answer["ResponseMetadata"]["RequestId"]
    assert payload["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{function.name}"
    assert 15_000 < payload["left"] <= 20_000


def test_what_the_handler_prints_is_in_the_log_of_its_call(function):
    lines = function("print", text="a line of mine", log=True)[1]["Log"].splitlines()
    mine = [n for n, line in enumerate(lines) if "a line of mine" in line]
    starts = [n for n, line in enumerate(lines) if line.startswith("START ")]
    ends = [n for n, line in enumerate(lines) if line.startswith("END ")]
    assert len(mine) == 1 and starts[0] < mine[0] < ends[0]


@pytest.mark.parametrize(
    "function", [name for name, c in clients.CLIENTS.items() if c.init_error], indirect=True)
def test_a_failed_initialisation_tells_its_type_and_message(function):
    name = function.deploy("init", Environment={"Variables": {"FAIL_INIT": "cannot begin"}})
    for _ in range(2):
        payload, answer = function("count", name=name)
        assert answer["FunctionError"] == "Unhandled"
        assert payload["errorType"] == function.client.init_error
        assert payload["errorMessage"] == "cannot begin"


@pytest.mark.parametrize("function", ["node"], indirect=True)
def test_node_streams_its_answer_as_it_is_made(function):
    name = function.deploy("stream", handler="index.stream")
    path = function.daemon.open_url(name, "RESPONSE_STREAM")
    function.daemon.get(path)

    def is_early():
        """Whether nothing follows the first piece at once: the last one comes a second later,
        unless this test was kept from looking."""
        connection = function.daemon.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 201 and answer.getheader("x-from") == "ric"
        assert answer.getheader("content-type") == "text/plain"
        assert answer.read(6) == b"first\n"
        first = time.monotonic()
        assert answer.read() == b"last\n"
        connection.close()
        return time.monotonic() - first > 0.5

    wait_until(is_early, "a first piece before the last")
