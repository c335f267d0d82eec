# SPDX-License-Identifier: Apache-2.0
"""Typed functions: requests and answers judged by what function.yaml names, the description of
them, and the events a request may become."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

CODE = '''
import json
def handler(event, context):
    body = json.loads(event.get("body") or "{}")
    if "answer" in body:
        return body["answer"]
    return {"greeting": "hello", "saw": {"body": body, "query": event.get("queryStringParameters")}}
'''
YAML = '''
http: {auth: none}
inputs:
  name: {type: string, required: true, max: 10, description: who is greeted}
  language: {type: string, enum: [en, de], default: en}
  address: {properties: {zip: {type: string, pattern: "^[0-9]{5}$"}}}
  page: {type: integer, in: query, min: 1, default: 1}
  answer: any
outputs:
  greeting: {type: string, required: true}
'''
CHROMIUM = shutil.which("chromium")


def deploy(daemon, name, yaml, code=CODE):
    daemon.create(name, {"main.py": code, "function.yaml": yaml})
    return f"/functions/{name}/"


@pytest.fixture(scope="module", name="greet")
def the_function(daemon):
    return deploy(daemon, "greet", YAML)


def post(daemon, path, value, content_type="application/json"):
    body = value if isinstance(value, (str, bytes)) else json.dumps(value)
    answer = daemon.get(path, method="POST", body=body, headers={"content-type": content_type})
    return answer[0], answer[2]


def test_a_request_that_fits_gets_its_defaults(daemon, greet):
    status, body = post(daemon, greet, {"name": "Ann"})
    assert status == 200
    assert json.loads(body)["saw"] == {"body": {"name": "Ann", "language": "en"},
                                       "query": {"page": "1"}}


def test_a_request_that_does_not_fit_is_told_each_wrong_field(daemon, greet):
    status, body = post(daemon, greet + "?page=0", {"language": "fr", "address": {"zip": "1"}})
    assert status == 400
    errors = {(one["in"], one["at"]): one["message"] for one in json.loads(body)["errors"]}
    assert errors == {
        ("body", "/name"): "is required",
        ("body", "/language"): 'must be one of "en", "de"',
        ("body", "/address/zip"): "must match the regular expression ^[0-9]{5}$",
        ("query", "/page"): "must be at least 1",
    }


def test_a_body_that_is_not_json_is_refused(daemon, greet):
    assert post(daemon, greet, "{")[0] == 400
    assert post(daemon, greet, '{"name": "a", "name": "b"}')[0] == 400
    assert post(daemon, greet, "name=Ann", "application/x-www-form-urlencoded")[0] == 415


def test_an_answer_that_does_not_fit_is_logged(daemon, greet):
    status, body = post(daemon, greet, {"name": "Ann", "answer": {"greeting": 1}})
    assert status == 200 and json.loads(body) == {"greeting": 1}
    assert "answer does not fit" in daemon.log_text() and "/greeting" in daemon.log_text()


def test_a_strict_function_does_not_answer_what_does_not_fit(daemon):
    path = deploy(daemon, "strict", YAML + "outputs-strict: refuse\n")
    assert post(daemon, path, {"name": "Ann", "answer": {"greeting": 1}}) == \
        (502, b'{"message":"Bad Gateway"}')
    assert post(daemon, path, {"name": "Ann"})[0] == 200
    # What a function itself refuses is not its output.
    assert post(daemon, path, {"name": "Ann", "answer": {"statusCode": 404, "body": "no"}})[0] == 404


@pytest.mark.parametrize("yaml,reason", [
    ("inputs:\n  a: {type: integer, min: x}\n", "line 2, column 22: inputs.a.min must be a number"),
    ("inputs:\n  a: {type: strng}\n", "line 2, column 7: inputs.a.type must be string"),
    ("http:\n  filter:\n    depht: 3\n", "filter has no setting 'depht'"),
    ("http:\n  filter:\n    depth: 0\n", "line 3, column 5: filter.depth must be"),
    ("http:\n  conversion: s4\n", "line 2, column 15: conversion must be payload-2.0"),
    ("http:\n  no: 1\n", "line 2, column 3: unknown key 'no'"),
])
def test_a_file_that_is_wrong_is_refused_with_line_and_column(daemon, yaml, reason):
    client = daemon.boto("lambda")
    with pytest.raises(client.exceptions.ClientError) as raised:
        daemon.create("wrong", {"main.py": CODE, "function.yaml": yaml})
    assert reason in str(raised.value)


def test_a_typed_function_is_described_in_openapi(daemon, greet):
    answer = daemon.get(greet + "openapi.json")
    assert answer[0] == 200 and answer[1]["content-type"] == "application/json"
    document = json.loads(answer[2])
    assert document["openapi"] == "3.1.0" and document["info"]["title"] == "greet"
    operation = document["paths"]["/"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["name"]
    assert schema["properties"]["language"] == {"type": "string", "enum": ["en", "de"],
                                                "default": "en"}
    assert [one["name"] for one in operation["parameters"]] == ["page"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"]["required"] == \
        ["greeting"]


def test_a_function_without_types_keeps_these_paths(daemon):
    path = deploy(daemon, "plain", "http: {auth: none}\n")
    assert json.loads(daemon.get(path + "docs")[2])["greeting"] == "hello"


def dump(url, tmp_path, picture=None):
    """The page as Chromium has it after its script ran."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
               f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=10000",
               "--window-size=900,1100"]
    command += [f"--screenshot={picture}"] if picture else ["--dump-dom"]
    done = subprocess.run([*command, url], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.skipif(not CHROMIUM, reason="no chromium")
def test_the_page_shows_what_it_takes_and_runs_nothing_from_names(daemon, tmp_path):
    evil = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    path = deploy(daemon, "shown", YAML.replace("who is greeted", json.dumps(evil)) +
                  f"description: {json.dumps('</script><b>bold</b>')}\n")
    url = daemon.gateway + path + "docs"
    page = dump(url, tmp_path)
    assert "<title>shown</title>" in page
    for words in ("length at most 10", ', required', "one of \"en\", \"de\"", "at least 1",
                  "address.zip", "In the query", "Body (JSON)", "Answer 200", "greeting"):
        assert words in page, words
    assert "&lt;img src=x onerror" in page and "<img" not in page
    assert "&lt;/script&gt;&lt;b&gt;bold" in page
    picture = tmp_path / "docs.png"
    dump(url, tmp_path, picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and picture.stat().st_size > 10000
    if os.environ.get("EVOKE_SHOW"):
        shutil.copy(picture, pathlib.Path(os.environ["EVOKE_SHOW"]) / "docs.png")


def test_the_page_lets_nothing_else_run(daemon, greet):
    answer = daemon.get(greet + "docs")
    policy = answer[1]["content-security-policy"]
    nonce = policy.split("script-src 'nonce-")[1].split("'")[0]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert answer[2].count(b"nonce=\"" + nonce.encode()) == 2 and b"@NONCE@" not in answer[2]
    assert b"http://" not in answer[2] and b"https://" not in answer[2]
    assert daemon.get(greet + "docs")[1]["content-security-policy"] != policy


# --- conversions ---

ECHO = "def handler(event, context):\n    return {'saw': event}\n"


def test_payload_1_is_the_event_of_a_route_that_says_so(daemon):
    path = deploy(daemon, "one", "http: {conversion: payload-1.0}\n",
                  "def handler(event, context):\n"
                  "    return {'statusCode': 200, 'multiValueHeaders': {'x-a': ['1', '2']},"
                  " 'body': event['version'] + event['httpMethod'] + event['path']}\n")
    answer = daemon.get(path + "a?b=1")
    assert (answer[0], answer[2]) == (200, b"1.0GET/a")


CLOUD = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "order", "data": {"n": 1}}
BACK = '''
def handler(event, context):
    if isinstance(event, list):
        return [dict(one, type="taken") for one in event]
    if event["type"] == "quiet":
        return None
    return {"specversion": "1.0", "id": "8", "source": "/f", "type": "taken", "data": event}
'''


def test_cloudevents_in_every_mode_go_in_and_come_back(daemon):
    path = deploy(daemon, "cloud", "http: {conversion: cloudevents}\n", BACK)
    status, body = post(daemon, path, CLOUD, "application/cloudevents+json")
    assert status == 200 and json.loads(body)["data"] == CLOUD
    answer = daemon.get(path, method="POST", body='{"n": 1}', headers={
        "content-type": "application/json", "ce-specversion": "1.0", "ce-id": "7",
        "ce-source": "/shop", "ce-type": "order"})
    assert answer[1]["ce-type"] == "taken" and answer[1]["ce-id"] == "8"
    seen = json.loads(answer[2])
    assert seen.pop("datacontenttype") == "application/json" and seen == CLOUD
    status, body = post(daemon, path, [CLOUD, CLOUD], "application/cloudevents-batch+json")
    assert status == 200 and [one["type"] for one in json.loads(body)] == ["taken", "taken"]
    assert post(daemon, path, dict(CLOUD, type="quiet"), "application/cloudevents+json")[0] == 204
    assert post(daemon, path, {"id": "7"}, "application/cloudevents+json")[0] == 400


def test_notifications_of_object_stores_become_one_event(daemon):
    path = deploy(daemon, "stored", "http: {conversion: s3}\n", ECHO)
    minio = {"EventName": "s3:ObjectCreated:Put", "Key": "b/k", "Records": [
        {"eventSource": "minio:s3", "eventName": "s3:ObjectCreated:Put",
         "s3": {"bucket": {"name": "b"}, "object": {"key": "k", "size": 1}}}]}
    record = json.loads(post(daemon, path, minio)[1])["saw"]["Records"][0]
    assert (record["eventSource"], record["eventName"]) == ("aws:s3", "ObjectCreated:Put")
    assert post(daemon, path, {"Event": "s3:TestEvent"}) == (200, b"{}")
    assert post(daemon, path, {"a": 1})[0] == 400


def test_a_raw_webhook_is_the_event(daemon):
    path = deploy(daemon, "raw", "http: {conversion: raw}\n", ECHO)
    assert json.loads(post(daemon, path, '{"a": [1.50]}')[1]) == {"saw": {"a": [1.5]}}
    assert json.loads(post(daemon, path, "a=1", "text/plain")[1]) == {"saw": "a=1"}


# --- APIs ---

def test_an_api_is_described_by_its_routes_and_the_types_behind_them(daemon, greet):
    gateway = daemon.boto("apigatewayv2")
    api = gateway.create_api(Name="Shop <b>", ProtocolType="HTTP", Description="sells")["ApiId"]
    arn = daemon.boto("lambda").get_function(FunctionName="greet")["Configuration"]["FunctionArn"]
    target = gateway.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn,
                                        PayloadFormatVersion="2.0")["IntegrationId"]
    for key in ("POST /greet/{id}", "ANY /files/{path+}"):
        gateway.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{target}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    document = json.loads(daemon.get(f"/apis/{api}/openapi.json")[2])
    assert document["info"] == {"title": "Shop <b>", "version": "1.0", "description": "sells"}
    assert sorted(document["paths"]) == ["/files/{path}", "/greet/{id}"]
    assert sorted(document["paths"]["/files/{path}"]) == ["delete", "get", "patch", "post", "put"]
    operation = document["paths"]["/greet/{id}"]["post"]
    assert [(one["name"], one["in"]) for one in operation["parameters"]] == [("page", "query"),
                                                                            ("id", "path")]
    assert "name" in operation["requestBody"]["content"]["application/json"]["schema"]["properties"]
    status, headers, page = daemon.get(f"/apis/{api}/docs")
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8"
    assert b"Shop" not in page  # names come with the description, as data
    gateway.delete_api(ApiId=api)
