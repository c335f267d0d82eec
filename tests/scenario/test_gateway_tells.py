# SPDX-License-Identifier: Apache-2.0
"""What the gateway tells: traces, the access log, metrics by route, the live view."""
import json
import os
import pty
import re
import select
import subprocess
import urllib.error
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


# --- the access log ---

FORMAT = ('{"id":"$context.requestId","ip":"$context.identity.sourceIp","route":"$context.routeKey",'
          '"status":"$context.status","agent":"$context.identity.userAgent","path":"$context.path",'
          '"function":"$context.function","trace":"$context.xrayTraceId","at":$context.requestTimeEpoch}')


def test_the_access_log_has_the_configured_format_and_no_forged_lines(make_daemon):
    daemon = make_daemon("--access-log-format", FORMAT)
    daemon.create("told", CODE)
    url = daemon.gateway + daemon.open_url("told")
    forged = 'x","status":"299"}\\'
    _, headers, _ = get(url, User_Agent=forged)
    get(daemon.gateway + "/nothing/here", User_Agent="caf\u00e9 \u009b31m")
    assert daemon.stop() == 0  # the log is written by the end
    lines = (daemon.data / "access.log").read_bytes()
    assert all(0x20 <= byte < 0x7f or byte == 0x0a for byte in lines)
    served, missed = sorted(map(json.loads, lines.decode().splitlines()), key=lambda line: line["status"])
    assert served["id"] == headers["x-amzn-RequestId"] and served["trace"] == headers["X-Amzn-Trace-Id"]
    assert (served["agent"], served["status"], served["ip"]) == (forged, "200", "127.0.0.1")
    assert served["function"] == "told" and served["path"].startswith("/urls/")
    assert (missed["status"], missed["path"], missed["function"]) == ("404", "/nothing/here", "-")


def test_a_bad_access_log_format_is_refused(tmp_path, make_daemon):
    done = subprocess.run([make_daemon(start=False).evoke, "serve", "--data", tmp_path / "none", "--api",
                           "127.0.0.1:0", "--gateway", "127.0.0.1:0", "--access-log-format",
                           "$context.nonsense"], capture_output=True, text=True, timeout=20)
    assert done.returncode != 0 and "$context.nonsense" in done.stderr


# --- numbers by route ---

@pytest.fixture
def served(make_daemon):
    """A daemon that has served 3 requests well, 2 badly and 1 not at all."""
    daemon = make_daemon()
    daemon.create("told", CODE)
    url = daemon.gateway + daemon.open_url("told")
    for _ in range(3):
        assert get(url)[0] == 200
    for _ in range(2):
        assert get(url + "fail")[0] == 502
    assert get(daemon.gateway + "/nothing/here")[0] == 404
    return daemon


def test_metrics_tell_of_each_route(served):
    text = served.get("/metrics", which="api")[2].decode()
    labels = 'api="",stage="",route="/functions/told"'
    for line in (f'requests_total{{{labels},status="2xx"}} 3', f'requests_total{{{labels},status="5xx"}} 2',
                 f'duration_seconds_count{{{labels}}} 5', f'duration_seconds_bucket{{{labels},le="+Inf"}} 5',
                 'requests_total{api="",stage="",route="no route",status="4xx"} 1'):
        assert f"\nevoke_gateway_{line}\n" in text, line


def test_top_shows_once_what_was_served(served):
    shown = json.loads(served.run("gateway", "top", "--json").stdout)
    told = next(route for route in shown["routes"] if route["route"] == "/functions/told")
    assert (told["requests"], told["status"]["5xx"]) == (5, 2) and 0 < told["p50Ms"] <= told["p99Ms"]
    assert shown["clients"][0]["address"] == "127.0.0.1"
    text = served.run("gateway", "top", "--once").stdout
    assert re.search(r"/functions/told +[\d.]+ +5 +[\d.]+ +[\d.]+ +2 +0 +0 +0\n", text), text
    assert re.search(r"127\.0\.0\.1 +[\d.]+\n", text), text


def test_top_of_nothing_took_no_time(make_daemon):
    text = make_daemon().run("gateway", "top", "--once").stdout
    assert text.startswith("0.0 requests/s  p50 0.0 ms  p99 0.0 ms  ")


def test_top_is_drawn_anew_on_a_terminal(served):
    master, slave = pty.openpty()
    top = subprocess.Popen([served.evoke, "gateway", "top", "--every", "100ms"], stdout=slave,
                           env={**os.environ, **served.env, "TERM": "xterm"})
    os.close(slave)
    try:
        seen = b""
        while seen.count(b"\x1b[H\x1b[J") < 3:
            assert select.select([master], [], [], 20)[0], seen
            seen += os.read(master, 65536)
        assert b"requests/s" in seen and b"/functions/told" in seen
    finally:
        top.kill()
        top.wait()
        os.close(master)
