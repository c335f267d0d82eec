# SPDX-License-Identifier: Apache-2.0
"""The content filter of a function's route, end to end."""
import json

import pytest

CODE = '''
import json
def handler(event, context):
    return {"saw": event.get("body"), "owner": {"email": "ann@example.com", "name": "Ann"}}
'''
YAML = '''
http:
  filter:
    content-types: [application/json]
    size: 2000
    depth: 4
    keys: 20
    query: {properties: {page: {type: integer}}}
    headers: {properties: {X-Tenant: {pattern: "^t[0-9]+$"}}}
    block: {body: {role: [admin]}}
    redact: [body.password]
    mask: [body.cards.*.number]
    remove: [body.debug]
    response: {redact: [body.owner.email]}
'''


@pytest.fixture(scope="module", name="send")
def the_sender(daemon):
    daemon.create("filtered", {"main.py": CODE, "function.yaml": YAML})

    def send(value, query="", **headers):
        body = value if isinstance(value, str) else json.dumps(value)
        answer = daemon.get("/functions/filtered/" + query, method="POST", body=body, headers={
            "content-type": "application/json",
            **{name.replace("_", "-"): text for name, text in headers.items()}})
        return answer[0], json.loads(answer[2])
    return send


def test_what_is_to_be_hidden_is_hidden_on_both_ways(send):
    status, body = send({"password": "p", "debug": 1, "cards": [{"number": "4111111111111111"}]})
    assert status == 200
    assert json.loads(body["saw"]) == {"password": "***",
                                       "cards": [{"number": "************1111"}]}
    assert body["owner"] == {"email": "***", "name": "Ann"}


def test_what_has_nothing_to_hide_goes_on_byte_for_byte(send):
    assert send('{ "a" : 1.50 }')[1]["saw"] == '{ "a" : 1.50 }'


@pytest.mark.parametrize("value,query,headers,status,word", [
    ("a", "", {"content_type": "text/plain"}, 415, "Unsupported Media Type"),
    ({"a": "x" * 2000}, "", {}, 413, "Too Large"),
    ({"a": [[[[1]]]]}, "", {}, 400, "must not nest deeper than 4"),
    ({str(i): i for i in range(21)}, "", {}, 400, "must not have more than 20 members"),
    ("{", "", {}, 400, "not JSON"),
    ({}, "?page=x", {}, 400, "must be an integer"),
    ({}, "", {"x_tenant": "a"}, 400, "must match"),
    ({"role": "admin"}, "", {}, 403, "Forbidden"),
])
def test_what_does_not_fit_does_not_pass(send, value, query, headers, status, word):
    answer = send(value, query, **headers)
    assert answer[0] == status and word in json.dumps(answer[1]), answer


def test_a_form_cannot_smuggle_what_is_to_be_hidden(daemon):
    daemon.create("hidden", {"main.py": CODE, "function.yaml":
                             "http: {filter: {redact: [body.password]}}\n"})
    answer = daemon.get("/functions/hidden/", method="POST", body="password=1",
                        headers={"content-type": "application/x-www-form-urlencoded"})
    assert answer[0] == 415


def test_a_streamed_answer_hides_what_a_collected_one_does(daemon):
    daemon.create("streamed-secret", {
        "main.js": """exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            stream.setContentType('application/json');
            stream.write('{"name": "ann", "pass');
            stream.write('word": "secret"}');
            stream.end();
        });""",
        "function.yaml": "http:\n  route: /streamed-secret\n  mode: stream\n"
                         "  filter: {response: {redact: [body.password]}}\n"},
        runtime="nodejs20.x", handler="main.handler")
    status, _, body = daemon.get("/streamed-secret")
    assert (status, json.loads(body)) == (200, {"name": "ann", "password": "***"})
