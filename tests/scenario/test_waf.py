# SPDX-License-Identifier: Apache-2.0
"""The firewall of a route in a running daemon: what it tells, and what it does with answers."""
import json
import os

import pytest

LEAK = ("You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version "
        "for the right syntax to use near 'x' at line 1")
HANDLER = f'''
import json

def handler(event, context):
    kind = (event.get("queryStringParameters") or {{}}).get("kind")
    headers = {{"content-type": "text/html", "x-inside": "yes" if kind == "inside" else "no"}}
    return {{"statusCode": 200, "headers": headers, "body": {LEAK!r} if kind == "leak" else "fine"}}
'''
# Raw chunks by the Runtime API: what a streaming function writes.
STREAMER = '''
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    const kind = (event.queryStringParameters || {}).kind;
    const head = {statusCode: 200, headers: {"content-type": "text/html", "x-inside": kind === "inside" ? "yes" : "no"}};
    stream = awslambda.HttpResponseStream.from(stream, head);
    stream.write("one,");
    stream.write("two");
    stream.end();
});
'''
IS_SANITIZED = bool(os.environ.get("EVOKE_SANITIZED"))
XSS = "?q=%3Cscript%3Ealert(1)%3C/script%3E"
INSIDE = ("SecRule RESPONSE_HEADERS:x-inside \"@streq yes\" "
          "\"id:1001,phase:3,deny,status:403,msg:'an inside page'\"")


@pytest.fixture(scope="module")
def walled(tmp_path_factory):
    from evoke_daemon import Daemon
    running = Daemon(tmp_path_factory.mktemp("evoke") / "data", "--log-format", "json").start()
    if "there is no firewall" in running.log_text():
        running.stop()
        pytest.skip("built without libmodsecurity")
    yield running
    running.stop()


def deploy(daemon, name, waf):
    daemon.create(name, {"main.py": HANDLER, "function.yaml": f"http:\n  route: /{name}\n  waf: {json.dumps(waf)}\n"})
    return f"/{name}"


def told(daemon, request_id):
    """The lines of the firewall about a request: they stand in the log before its answer is sent."""
    lines = [json.loads(line) for line in daemon.log_text().splitlines() if "the firewall" in line]
    return [line for line in lines if line["request"] == request_id]


def test_what_matched_is_told_with_the_id_of_the_request(walled):
    path = deploy(walled, "told", "block")
    status, headers, body = walled.get(path + XSS)
    assert (status, body) == (403, b'{"message":"Forbidden"}')
    line, = told(walled, headers["x-amzn-requestid"])
    assert line["msg"] == "the firewall blocked" and line["what"] == "request"
    assert line["rules"].endswith("949110") and "941100" in line["rules"] and line["score"] >= 5
    status, headers, _ = walled.get(deploy(walled, "noted", "detect") + XSS)
    assert status == 200
    line, = told(walled, headers["x-amzn-requestid"])
    assert line["msg"] == "the firewall would have blocked" and "949110" in line["rules"]


def test_a_client_does_not_say_how_its_body_is_read(walled):
    """By a header that only the daemon puts before the rules: a text that is no JSON would be refused."""
    path = deploy(walled, "marked", "block")
    status, _, body = walled.get(path, method="POST", body=b"hello",
                                 headers={"Content-Type": "text/plain", "X-Evoke-Body-Json": "1"})
    assert (status, body) == (200, b"fine")


def test_rules_are_counted_by_route(walled):
    path = deploy(walled, "counted", "block")
    for _ in range(3):
        assert walled.get(path + XSS)[0] == 403
    assert walled.get(path)[0] == 200
    metrics = walled.get("/metrics", which="api")[2].decode()
    of_route = '{api="",stage="",route="ANY /counted"'
    assert f"evoke_gateway_firewall_blocked_total{of_route}}} 3\n" in metrics
    assert f'evoke_gateway_firewall_matches_total{of_route},rule="941100"}} 3\n' in metrics
    top = walled.run("gateway", "top", "--once").stdout.splitlines()
    head, row = (next(line.split() for line in top if word in line) for word in ("ROUTE", "/counted"))
    assert (head[-1], row[-1]) == ("WAF", "3"), (head, row)


def test_answers_pass_or_are_replaced(walled):
    path = deploy(walled, "answers", {"response": "body", "rules": INSIDE})
    assert walled.get(path)[::2] == (200, b"fine")
    status, headers, body = walled.get(path + "?kind=leak")
    assert (status, body) == (403, b'{"message":"Forbidden"}')
    line, = told(walled, headers["x-amzn-requestid"])
    assert line["what"] == "answer" and line["rules"].startswith("951")
    assert walled.get(path + "?kind=inside")[0] == 403
    # Requests are inspected as before.
    assert walled.get(path + XSS)[0] == 403


def test_heads_alone_may_be_inspected(walled):
    path = deploy(walled, "heads", {"response": "head", "rules": INSIDE})
    assert walled.get(path + "?kind=leak")[0] == 200
    assert walled.get(path + "?kind=inside")[0] == 403


def test_many_answers_wait_at_once(walled):
    path = deploy(walled, "many", {"response": "body"})
    connections = [walled.connect() for _ in range(20)]
    for _ in range(5):
        for i, connection in enumerate(connections):
            connection.request("GET", path + ("?kind=leak" if i % 2 else ""))
        statuses = []
        for connection in connections:
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        assert statuses == [200, 403] * 10
    for connection in connections:
        connection.close()


def test_of_a_stream_the_head_is_inspected(walled):
    walled.create("flow", {"index.js": STREAMER, "function.yaml":
                           f"http:\n  mode: stream\n  waf: {json.dumps({'response': 'body', 'rules': INSIDE})}\n"},
                  runtime="nodejs20.x", handler="index.handler")
    assert walled.get("/functions/flow/")[::2] == (200, b"one,two")
    assert walled.get("/functions/flow/?kind=inside")[0] == 403
    # What is refused leaves the connection fit for the next.
    connection = walled.connect()
    for kind, status in (("", 200), ("inside", 403), ("", 200)):
        connection.request("GET", f"/functions/flow/?kind={kind}")
        answer = connection.getresponse()
        assert answer.status == status
        answer.read()
    connection.close()


@pytest.mark.parametrize("waf, says", [
    ({"outbound-threshold": 2}, "waf.outbound-threshold needs waf.response: head or body"),
    ({"rules": INSIDE}, "a rule of 'phase:3' needs waf.response"),
    ({"response": "all"}, "waf.response must be off, head or body"),
])
def test_what_nobody_would_look_at_is_refused(walled, waf, says):
    with pytest.raises(Exception) as refused:
        deploy(walled, "wrong", waf)
    assert says in str(refused.value)


OF_ONE_ROUTE = [lambda i: {"threshold": 6 + i}, lambda i: {"mode": "detect", "limits": {"bytes": 10000 + i}},
                lambda i: {"exclude": [942100 + i]}, lambda i: {"paranoia": 1 + i % 4, "oversize": "skip"},
                lambda i: {"rules": f"SecRule ARGS:pet \"@streq dog{i}\" \"id:1001,phase:2,deny,status:403\""}]


def test_routes_share_the_rule_set_whatever_their_settings(make_daemon):
    """Its rules take 16 MB, and would take as much for each route if they were built for each."""
    daemon = make_daemon()
    if "there is no firewall" in daemon.log_text():
        pytest.skip("built without libmodsecurity")
    deploy(daemon, "first", "block")
    before = daemon.cost()["rss_bytes"]
    for i in range(15):
        deploy(daemon, f"more{i}", OF_ONE_ROUTE[i % 5](i))
    # Read again, the old ones go.
    for _ in range(6):
        assert daemon.run("gateway", "reload").stdout.endswith("rule sets of the firewall: 16\n")
    grown = daemon.cost()["rss_bytes"] - before
    # Every route goes by its own settings.
    assert [daemon.get(path + XSS)[0] for path in ("/first", "/more0", "/more1", "/more2")] == [403, 403, 200, 403]
    assert [daemon.get(f"/more{i}?pet=dog4")[0] for i in (4, 9)] == [403, 200]
    assert IS_SANITIZED or grown < 32 << 20, grown


def test_a_restart_keeps_the_guard_or_lets_nobody_pass(make_daemon, tmp_path):
    (tmp_path / "deny").write_text("192.0.2.0/24\n")
    daemon = make_daemon()
    if "there is no firewall" in daemon.log_text():
        pytest.skip("built without libmodsecurity")
    walled_path = deploy(daemon, "kept", "block")
    daemon.create("listed", {"main.py": HANDLER, "function.yaml":
                             f"http:\n  route: /listed\n  addresses: {{deny-file: {tmp_path}/deny}}\n"})
    assert daemon.get("/listed")[0] == 200
    daemon.stop()
    (tmp_path / "deny").unlink()
    daemon.start()
    assert daemon.get(walled_path)[0] == 200 and daemon.get(walled_path + XSS)[0] == 403
    assert daemon.get("/listed")[0] == 502
    assert "nobody may call its URL" in daemon.log_text()
