# SPDX-License-Identifier: Apache-2.0
"""Headers that the platform sets: what a client sends under their names is never seen, by the
function or by its Runtime API; hop-by-hop headers stop at the gateway."""
import json
import re
import socket
import urllib.parse

import pytest

FORGED = "forged-by-a-client"
CODE = {"main.py": '''
def handler(event, context):
    return {"event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
            "left": context.get_remaining_time_in_millis(), "identity": repr(context.identity),
            "client": repr(context.client_context), "trace": __import__("os").environ.get("_X_AMZN_TRACE_ID")}
'''}
BASE = ["x-amzn-requestid", "x-amzn-request-id", "x-amzn-trace-id", "x-amzn-oidc-identity",
        "x-amzn-lambda-recursion-depth", "x-amz-client-context", "x-amz-date", "x-amz-security-token",
        "x-amz-content-sha256", "x-amz-source-arn", "x-amz-function-error", "x-amz-executed-version",
        "x-amz-log-type", "x-amz-invocation-type", "x-forwarded-for", "x-forwarded-host",
        "x-forwarded-port", "x-forwarded-proto", "x-forwarded-user", "forwarded", "x-real-ip",
        "lambda-runtime-aws-request-id", "lambda-runtime-deadline-ms", "lambda-runtime-trace-id",
        "lambda-runtime-invoked-function-arn", "lambda-runtime-client-context",
        "lambda-runtime-cognito-identity", "lambda-runtime-function-error-type", "x-evoke-depth",
        "x-evoke-hops", "x-evoke-function", "x-evoke-instance"]
NAMES = ([case(name) for name in BASE for case in (str, str.upper, str.title)] +
         [name.replace("-", "_") for name in BASE] + [name.replace("-", "_", 1) for name in BASE])
HOPS = ["keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "te", "trailer",
        "upgrade"]
PATH_VALUES = ("/../x-evoke", "%0d%0ax-evoke-depth:%20" + FORGED)


@pytest.fixture(scope="module")
def ask(daemon):
    daemon.create("f", CODE)
    path = daemon.open_url("f")
    parts = urllib.parse.urlsplit(daemon.gateway)

    def send(*lines, target=""):
        """The function's answer to a request with these header lines."""
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
            client.sendall("".join(line + "\r\n" for line in (
                f"GET {path}{target} HTTP/1.1", f"Host: {parts.netloc}", *lines, "Connection: close",
                "")).encode("latin-1"))
            got = b"".join(iter(lambda: client.recv(65536), b""))
        head, _, body = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), got
        return json.loads(body), head.decode()

    return send


def test_no_internal_header_can_be_forged(ask):
    """One by one and several at a time: 160 names, 0 seen."""
    seen = [name for name in NAMES if FORGED in str(ask(f"{name}: {FORGED}"))]
    assert len(NAMES) == 160 and seen == []
    assert FORGED not in str(ask(*(f"{name}: {FORGED}" for name in NAMES[:48])))


def test_what_the_event_says_is_the_platforms_own(daemon, ask):
    answer, head = ask("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Port: 6", "X-Forwarded-Proto: https",
                       "X-Amzn-RequestId: 00000000-0000-0000-0000-000000000000",
                       "Lambda-Runtime-Deadline-Ms: 9999999999999", "X-Amz-Client-Context: e30=")
    event, headers = answer["event"], answer["event"]["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1" == event["requestContext"]["http"]["sourceIp"]
    assert headers["x-forwarded-port"] == str(urllib.parse.urlsplit(daemon.gateway).port)
    assert headers["x-forwarded-proto"] == "http"
    assert answer["id"] == event["requestContext"]["requestId"]
    assert re.search(rf"x-amzn-requestid: {answer['id']}", head, re.I)
    assert 0 < answer["left"] <= 3000 and answer["client"] == "None"


def test_a_callers_trace_goes_on_only_as_a_trace(ask):
    """X-Amzn-Trace-Id is meant to come from outside; nothing but its known parts is kept."""
    root = "Root=1-5759e988-bd862e3fe1be46a994272793"
    answer, _ = ask(f"X-Amzn-Trace-Id: {root};Parent=53995c3f42cd8ad8;Sampled=1;Evil={FORGED}")
    assert FORGED not in str(answer)
    for bad in ("Root=1-zz-zz", "Root=" + "1" * 5000, f"{FORGED};;=;", root + "\x80"):
        answer, _ = ask(f"X-Amzn-Trace-Id: {bad}")
        trace = answer["event"]["headers"]["x-amzn-trace-id"]
        assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}(;|$)", trace) and FORGED not in trace


def test_hop_by_hop_headers_stop_here(ask):
    lines = [f"{name}: {FORGED}" for name in HOPS]
    answer, _ = ask(*lines)
    assert [name for name in HOPS if name in answer["event"]["headers"]] == []


def test_what_connection_lists_stops_here(ask):
    answer, _ = ask("Connection: x-hop, X-Forwarded-For, host", f"X-Hop: {FORGED}", "X-End: stays")
    headers = answer["event"]["headers"]
    assert "connection" not in headers and headers["x-end"] == "stays"
    assert headers["x-forwarded-for"] == "127.0.0.1" and headers["host"]
    assert "x-hop" not in headers


def test_a_value_cannot_break_out(ask):
    for value in PATH_VALUES:
        answer, _ = ask(f"X-Own: {value}", target=f"p?a={value}")
        assert "x-evoke-depth" not in answer["event"]["headers"]
        assert answer["event"]["headers"]["x-own"] == value
