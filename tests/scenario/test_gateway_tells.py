# SPDX-License-Identifier: Apache-2.0
"""What the gateway tells: traces, the access log, metrics by route, the live view."""
import json
import re
import urllib.request

import pytest

CODE = {"main.py": '''
def handler(event, context):
    if event["rawPath"].endswith("/fail"):
        raise RuntimeError("no")
    return {"headers": event["headers"], "path": event["rawPath"],
            "trace": __import__("os").environ.get("_X_AMZN_TRACE_ID")}
'''}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


def get(url, **headers):
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


@pytest.fixture(scope="module")
def url(daemon):
    daemon.create("told", CODE)
    return daemon.gateway + daemon.open_url("told")


def test_a_w3c_trace_reaches_the_function_with_a_new_span(url):
    _, headers, body = get(url, traceparent=f"00-{TRACE}-{SPAN}-01", tracestate="congo=t61rcWkgMzE")
    seen = json.loads(body)
    version, trace, span, flags = seen["headers"]["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01") and re.fullmatch("[0-9a-f]{16}", span) and span != SPAN
    assert seen["headers"]["tracestate"] == "congo=t61rcWkgMzE"
    amazon = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={span};Sampled=1"
    assert seen["headers"]["x-amzn-trace-id"] == headers["X-Amzn-Trace-Id"] == amazon
    assert seen["trace"].startswith(amazon)


def test_an_amazon_trace_is_told_as_w3c_too(url):
    seen = json.loads(get(url, X_Amzn_Trace_Id="Root=1-67891233-abcdef012345678912345678;Sampled=1")[2])
    assert re.fullmatch("00-67891233abcdef012345678912345678-[0-9a-f]{16}-01", seen["headers"]["traceparent"])


def test_a_bad_trace_begins_a_new_one(url):
    seen = json.loads(get(url, traceparent=f"00-{TRACE}-{'0' * 16}-01", tracestate="congo=t61rcWkgMzE")[2])
    assert TRACE not in seen["headers"]["traceparent"] and "tracestate" not in seen["headers"]
