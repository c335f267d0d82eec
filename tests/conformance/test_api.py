# SPDX-License-Identifier: Apache-2.0
"""The control API where no recording looks: signatures, paging, packages, function.yaml,
calls between functions, streams and logs."""
import base64
import hashlib
import json
import os
import pathlib
import socket
import struct
import sys
import time
import urllib.parse
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import evoke_daemon  # noqa: E402
import player  # noqa: E402
import wire  # noqa: E402

ECHO = {"main.py": "def handler(event, context):\n    return event\n"}


@pytest.fixture(scope="module")
def client(daemon):
    return wire.Client(daemon)


def request_for(name, files=None, **settings):
    return {"FunctionName": name, "Runtime": "python3.12", "Handler": "main.handler",
            "Role": player.ROLE, "Code": {"ZipFile": evoke_daemon.make_zip(files or ECHO)},
            **settings}


def wait(client, name):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        now = client.call("get_function_configuration", {"FunctionName": name})
        if now.get("State") == "Active" and now.get("LastUpdateStatus") == "Successful":
            return now
        time.sleep(0.02)
    raise AssertionError(now)


def make(client, name, files=None, **settings):
    created = client.call("create_function", request_for(name, files, **settings))
    assert "Error" not in created, created
    return wait(client, name)


def invoke(client, name, event=None, **settings):
    answer = client.call("invoke", {"FunctionName": name, "Payload": json.dumps(event or {}),
                                    **settings})
    return json.loads(answer["Payload"]) if answer.get("Payload") else answer


def code_of(answer):
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


# --- signatures ---

@pytest.mark.parametrize("change, code, status", [
    ("secret", "InvalidSignatureException", 403),
    ("key", "UnrecognizedClientException", 403),
    ("region", "InvalidSignatureException", 403),
    ("body", "InvalidSignatureException", 403),
    ("none", "MissingAuthenticationTokenException", 403),
])
def test_a_wrong_signature_is_refused_as_aws_does(daemon, change, code, status):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    key, secret = daemon.keys()
    credentials = botocore.credentials.Credentials(
        "AKIAIOSFODNN7EXAMPLE" if change == "key" else key,
        "x" * 40 if change == "secret" else secret)
    path = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Afn"
    signed = botocore.awsrequest.AWSRequest("POST", daemon.api + path, {}, b'{"Tags":{"a":"b"}}')
    if change != "none":
        region = "eu-west-1" if change == "region" else "us-east-1"
        botocore.auth.SigV4Auth(credentials, "lambda", region).add_auth(signed)
    body = b'{"Tags":{"a":"c"}}' if change == "body" else signed.data
    got, headers, _ = daemon.get(path, "api", "POST", body, dict(signed.headers.items()))
    assert (headers["x-amzn-errortype"], got) == (code, status)


@pytest.mark.parametrize("said, body, status", [
    (hashlib.sha256(b"{}").hexdigest(), b"{}", 404),  # the signature is right, the function absent
    (hashlib.sha256(b"[]").hexdigest(), b"{}", 403),
    ("UNSIGNED-PAYLOAD", b"{}", 404),
    ("UNSIGNED-PAYLOAD", b'{"another": 1}', 404),
    ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", b"{}", 403),
    ("unsigned-payload", b"{}", 403),
])
def test_a_hash_that_the_header_says_is_the_bodys_or_waived(daemon, said, body, status):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    path = "/2015-03-31/functions/absent/invocations"
    signed = botocore.awsrequest.AWSRequest("POST", daemon.api + path,
                                            {"X-Amz-Content-SHA256": said}, b"{}")
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*daemon.keys()), "lambda",
                            "us-east-1").add_auth(signed)
    got, headers, _ = daemon.get(path, "api", "POST", body, dict(signed.headers.items()))
    assert got == status, headers
    assert headers["x-amzn-errortype"] == (
        "ResourceNotFoundException" if status == 404 else "InvalidSignatureException")


def test_open_paths_need_no_signature(daemon):
    assert daemon.get("/healthz", "api")[::2] == (200, b"ok\n")
    status, headers, body = daemon.get("/metrics", "api")
    assert status == 200 and b"# TYPE evoke_" in body
    assert headers["content-type"].startswith("text/plain")


def test_unknown_and_unserved_are_told_apart(daemon, client, monkeypatch):
    assert daemon.get("/nothing/here", "api")[0] == 404
    monkeypatch.setitem(wire.ACTIONS, "list_layers", ("GET", "/2018-10-31/layers"))
    answer = client.call("list_layers", {})
    assert code_of(answer) == ("NotImplementedException", 501)
    assert "ListLayers" in answer["Error"]["Message"]


# --- functions ---

def test_what_is_shown_is_what_was_given(client):
    settings = {"Description": "does it", "Timeout": 7, "MemorySize": 256,
                "EphemeralStorage": {"Size": 600}, "TracingConfig": {"Mode": "Active"},
                "Environment": {"Variables": {"LEVEL": "debug", "NAME": "ünïcode ☃"}},
                "Tags": {"team": "a/b:c"}}
    package = evoke_daemon.make_zip(ECHO)
    created = client.call("create_function", request_for("shown", **settings))
    assert created["CodeSha256"] == base64.b64encode(hashlib.sha256(package).digest()).decode()
    assert created["CodeSize"] == len(package)
    wait(client, "shown")
    function = client.call("get_function", {"FunctionName": "shown"})
    for name, value in settings.items():
        shown = function["Tags"] if name == "Tags" else function["Configuration"][name]
        assert shown == value
    twice = client.call("create_function", request_for("shown"))
    assert code_of(twice) == ("ResourceConflictException", 409)
    assert twice["Error"]["Message"] == "Function already exist: shown"


def test_lists_are_paged(client):
    for index in range(4):
        make(client, f"paged-{index}", Publish=index == 1)
    seen, marker = [], None
    while True:
        page = client.call("list_functions", {"MaxItems": 2, **({"Marker": marker} if marker else {})})
        assert len(page["Functions"]) <= 2
        seen += [one["FunctionName"] for one in page["Functions"]]
        assert all("State" not in one for one in page["Functions"])
        marker = page.get("NextMarker")
        if not marker:
            break
    assert seen == sorted(set(seen)) and {f"paged-{i}" for i in range(4)} <= set(seen)
    every = client.call("list_functions", {"FunctionVersion": "ALL"})["Functions"]
    assert [one["FunctionArn"].split(":", 6)[6] for one in every
            if one["FunctionName"] == "paged-1"] == ["paged-1:$LATEST", "paged-1:1"]


def test_versions_are_numbered_and_keep_what_they_are(client):
    make(client, "versions", {"main.py": "def handler(e, c): return 'one'"})
    first = client.call("publish_version", {"FunctionName": "versions", "Description": "first"})
    assert (first["Version"], first["Description"]) == ("1", "first")
    again = client.call("publish_version", {"FunctionName": "versions"})
    assert (again["Version"], again["RevisionId"]) == ("1", first["RevisionId"])
    package = evoke_daemon.make_zip({"main.py": "def handler(e, c): return 'two'"})
    updated = client.call("update_function_code",
                          {"FunctionName": "versions", "ZipFile": package, "Publish": True})
    assert updated["Version"] == "2" and updated["FunctionArn"].endswith(":versions:2")
    wait(client, "versions")
    for qualifier, value in (("1", "one"), ("2", "two"), ("$LATEST", "two")):
        answer = client.call("invoke", {"FunctionName": "versions", "Qualifier": qualifier})
        assert (answer["ExecutedVersion"], json.loads(answer["Payload"])) == (qualifier, value)
    listed = client.call("list_versions_by_function", {"FunctionName": "versions"})["Versions"]
    assert [one["Version"] for one in listed] == ["$LATEST", "1", "2"]
    gone = client.call("delete_function", {"FunctionName": "versions", "Qualifier": "1"})
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = client.call("invoke", {"FunctionName": "versions:1"})
    assert code_of(missing) == ("ResourceNotFoundException", 404)


def test_a_stale_revision_is_refused(client):
    now = make(client, "revised")
    request = {"FunctionName": "revised", "Description": "x"}
    stale = client.call("update_function_configuration", {**request, "RevisionId": "old"})
    assert code_of(stale) == ("PreconditionFailedException", 412)
    fresh = client.call("update_function_configuration",
                        {**request, "RevisionId": now["RevisionId"]})
    assert fresh["LastUpdateStatus"] == "InProgress"


@pytest.mark.parametrize("change, code, part", [
    ({"Runtime": "cobol85"}, "InvalidParameterValueException", "at 'runtime' failed to satisfy"),
    ({"Handler": None}, "InvalidParameterValueException",
     "Runtime and Handler are mandatory parameters"),
    ({"Role": "me"}, "ValidationException", "Value 'me' at 'role'"),
    ({"Timeout": 0, "MemorySize": 1}, "ValidationException", "2 validation errors detected"),
    ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException",
     "Reserved keys used in this request: AWS_REGION"),
    ({"Environment": {"Variables": {"A-B": "x"}}}, "ValidationException",
     "Value at 'environment.variables' failed to satisfy constraint: Map keys"),
    ({"PackageType": "Image", "Code": {"ImageUri": "x:1"}}, "InvalidParameterValueException",
     "PackageType Image is not served"),
    ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, "InvalidParameterValueException",
     "NoSuchBucket"),
    ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException",
     "Could not unzip uploaded file. Please check your file, then try to upload again."),
    ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]},
     "InvalidParameterValueException", "Layers is not served by Evoke yet"),
    ({"Tags": {str(i): "x" for i in range(51)}}, "InvalidParameterValueException",
     "Number of tags exceeds resource tag limit."),
    ({"Timeout": "3"}, "SerializationException", "STRING_VALUE can not be converted to an Integer"),
])
def test_bad_functions_are_refused_and_leave_nothing(daemon, client, change, code, part):
    before = sorted(os.listdir(daemon.data / "staging"))
    request = {name: value for name, value in request_for("bad", **change).items()
               if value is not None}
    answer = client.call("create_function", request)
    assert answer["Error"]["Code"] == code and part in answer["Error"]["Message"], answer
    missing = client.call("get_function", {"FunctionName": "bad"})
    assert code_of(missing) == ("ResourceNotFoundException", 404)
    assert sorted(os.listdir(daemon.data / "staging")) == before


def test_a_body_that_is_no_json_is_told_where(daemon, client):
    status, headers, body = client._send("lambda", "POST", wire.FUNCTIONS, {}, b'{"FunctionName":}')
    assert (status, headers["x-amzn-ErrorType"]) == (400, "InvalidRequestContentException")
    assert json.loads(body)["message"].startswith(
        "Could not parse request body into json: Unexpected character ('}' (code 125))")


def test_large_requests_are_served_and_larger_ones_refused(client):
    noise = os.urandom(3 << 20)
    make(client, "large", {**ECHO, "noise.bin": noise})
    function = client.call("get_function", {"FunctionName": "large"})
    assert function["Configuration"]["CodeSize"] > len(noise)
    status, headers, body = client._send("lambda", "POST", wire.FUNCTIONS, {}, b" " * 70167212)
    assert (status, headers["x-amzn-ErrorType"]) == (413, "RequestEntityTooLargeException")
    assert json.loads(body)["message"] == \
        "Request must be smaller than 70167211 bytes for the CreateFunction operation"


def test_the_package_can_be_fetched_by_its_link(daemon, client):
    package = evoke_daemon.make_zip({"main.py": "def handler(e, c): return 'fetched'"})
    client.call("create_function", request_for("fetched", Code={"ZipFile": package}))
    link = client.call("get_function", {"FunctionName": "fetched"})["Code"]["Location"]
    path = urllib.parse.urlsplit(link)
    assert daemon.get(f"{path.path}?{path.query}", "api")[::2] == (200, package)
    for changed in (path.query[:-1] + ("0" if path.query[-1] != "0" else "1"),
                    path.query.replace("expires=1", "expires=2"), ""):
        assert daemon.get(f"{path.path}?{changed}", "api")[0] == 403
    assert daemon.get("/_evoke/code/..%2F..%2Fcredentials.zip?" + path.query, "api")[0] == 403


def test_an_action_is_completed_when_its_client_goes_away(daemon, client):
    import botocore.auth
    import botocore.awsrequest
    body = json.dumps(request_for("left"), default=wire._base64).encode()
    signed = botocore.awsrequest.AWSRequest("POST", daemon.api + wire.FUNCTIONS, {}, body)
    botocore.auth.SigV4Auth(client.credentials, "lambda", "us-east-1").add_auth(signed)
    parts = urllib.parse.urlsplit(daemon.api)
    head = "".join(f"{name}: {value}\r\n" for name, value in signed.headers.items())
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"POST {wire.FUNCTIONS} HTTP/1.1\r\nHost: {parts.netloc}\r\n{head}"
                           f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    wait(client, "left")


# --- function.yaml ---

YAML = """
runtime: python3.x
handler: main.handler
memory: 256
timeout: 20
description: of the file
environment: {FROM: file}
http:
  auth: none
  route: /filed/{proxy+}
"""


def test_the_file_fills_what_the_call_did_not_give(daemon, client):
    request = request_for("filed", {**ECHO, "function.yaml": YAML}, Timeout=5)
    del request["Runtime"], request["Handler"]
    client.call("create_function", request)
    now = wait(client, "filed")
    assert (now["Runtime"], now["Handler"], now["MemorySize"]) == ("python3.x", "main.handler", 256)
    assert (now["Timeout"], now["Environment"]) == (5, {"Variables": {"FROM": "file"}})
    url = client.call("get_function_url_config", {"FunctionName": "filed"})
    assert url["AuthType"] == "NONE"
    policy = json.loads(client.call("get_policy", {"FunctionName": "filed"})["Policy"])
    assert [one["Action"] for one in policy["Statement"]] == ["lambda:InvokeFunctionUrl"]

    changed = YAML.replace("256", "512").replace("timeout: 20", "timeout: 30") \
                  .replace("auth: none", "auth: iam").replace("description: of the file\n", "")
    client.call("update_function_code", {
        "FunctionName": "filed",
        "ZipFile": evoke_daemon.make_zip({**ECHO, "function.yaml": changed})})
    now = wait(client, "filed")
    assert (now["MemorySize"], now["Timeout"], now["Description"]) == (512, 5, "")
    assert client.call("get_function_url_config", {"FunctionName": "filed"})["AuthType"] == "AWS_IAM"
    closed = client.call("get_policy", {"FunctionName": "filed"})
    assert code_of(closed) == ("ResourceNotFoundException", 404)


def test_a_bad_file_is_told_with_its_line(client):
    answer = client.call("create_function", request_for(
        "misfiled", {**ECHO, "function.yaml": "memory: 256\nmemmory: 1\n"}))
    assert answer["Error"]["Code"] == "InvalidParameterValueException"
    assert "function.yaml" in answer["Error"]["Message"] and "2" in answer["Error"]["Message"]


# --- URLs and policies ---

def test_a_url_shows_its_cors(client):
    make(client, "cors")
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET", "PUT"],
            "AllowHeaders": ["x-a"], "ExposeHeaders": [], "MaxAge": 60, "AllowCredentials": True}
    made = client.call("create_function_url_config",
                       {"FunctionName": "cors", "AuthType": "AWS_IAM", "Cors": cors,
                        "InvokeMode": "RESPONSE_STREAM"})
    assert (made["Cors"], made["InvokeMode"]) == (cors, "RESPONSE_STREAM")
    listed = client.call("list_function_url_configs", {"FunctionName": "cors"})
    assert [one["FunctionUrl"] for one in listed["FunctionUrlConfigs"]] == [made["FunctionUrl"]]
    updated = client.call("update_function_url_config",
                          {"FunctionName": "cors", "Cors": {"AllowOrigins": ["*"]}})
    assert (updated["Cors"], updated["AuthType"]) == ({"AllowOrigins": ["*"]}, "AWS_IAM")
    wrong = client.call("update_function_url_config",
                        {"FunctionName": "cors", "Cors": {"AllowMethods": ["OPTIONS"]}})
    assert "Value '[OPTIONS]' at 'cors.allowMethods' failed" in wrong["Error"]["Message"]
    missing = client.call("create_function_url_config", {"FunctionName": "x", "AuthType": "NONE"})
    assert missing["Error"]["Message"] == "Function does not exist"


@pytest.mark.parametrize("request_part, principal, condition", [
    ({"Principal": "*", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}, "*",
     {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}),
    ({"Principal": "*", "InvokedViaFunctionUrl": True}, "*",
     {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
    ({"Principal": "s3.amazonaws.com", "SourceArn": "arn:aws:s3:::bucket",
      "SourceAccount": "123456789012"}, {"Service": "s3.amazonaws.com"},
     {"StringEquals": {"AWS:SourceAccount": "123456789012"},
      "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"}}),
    ({"Principal": "123456789012"}, {"AWS": "arn:aws:iam::123456789012:root"}, None),
    ({"Principal": "arn:aws:iam::123456789012:role/r", "PrincipalOrgID": "o-a1b2c3d4e5"},
     {"AWS": "arn:aws:iam::123456789012:role/r"},
     {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
])
def test_statements_are_built_as_aws_builds_them(client, request_part, principal, condition):
    if "Error" in client.call("get_function_configuration", {"FunctionName": "policy"}):
        make(client, "policy")
    added = client.call("add_permission", {"FunctionName": "policy", "StatementId": "s",
                                           "Action": "lambda:InvokeFunction", **request_part})
    statement = json.loads(added["Statement"])
    assert (statement["Principal"], statement.get("Condition")) == (principal, condition)
    twice = client.call("add_permission", {"FunctionName": "policy", "StatementId": "s",
                                           "Action": "lambda:InvokeFunction", **request_part})
    assert code_of(twice) == ("ResourceConflictException", 409)
    assert json.loads(client.call("get_policy", {"FunctionName": "policy"})["Policy"]) == {
        "Version": "2012-10-17", "Id": "default", "Statement": [statement]}
    removed = client.call("remove_permission", {"FunctionName": "policy", "StatementId": "s"})
    assert removed["ResponseMetadata"]["HTTPStatusCode"] == 204
    again = client.call("remove_permission", {"FunctionName": "policy", "StatementId": "s"})
    assert code_of(again) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize("change, message", [
    ({"Principal": "nobody"},
     "The provided principal was invalid. Please check the principal and try again."),
    ({"FunctionUrlAuthType": "NONE"},
     "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"),
    ({"Qualifier": "$LATEST"}, "We currently do not support adding policies for $LATEST."),
])
def test_bad_statements_are_refused(client, change, message):
    if "Error" in client.call("get_function_configuration", {"FunctionName": "policy"}):
        make(client, "policy")
    answer = client.call("add_permission", {"FunctionName": "policy", "StatementId": "bad",
                                            "Action": "lambda:InvokeFunction",
                                            "Principal": "s3.amazonaws.com", **change})
    assert answer["Error"] == {"Code": "InvalidParameterValueException", "Message": message}


# --- Invoke ---

def test_six_megabytes_go_both_ways(client):
    make(client, "sized", MemorySize=512, Timeout=30)
    text = "x" * 6_200_000
    assert invoke(client, "sized", {"text": text}) == {"text": text}
    answer = client.call("invoke", {"FunctionName": "sized", "Payload": b" " * 6291557})
    assert code_of(answer) == ("RequestTooLargeException", 413)
    assert answer["message"] == \
        "Request must be smaller than 6291556 bytes for the InvokeFunction operation"


def test_invoke_says_what_it_was(client):
    make(client, "said", {"main.py": """
import json
def handler(event, context):
    print("hello log")
    return {"id": context.aws_request_id, "client": context.client_context.client.app_title
            if context.client_context else None}
"""})
    given = base64.b64encode(json.dumps({"client": {"app_title": "t"}}).encode()).decode()
    status, headers, body = client._send(
        "lambda", "POST", wire.FUNCTION.replace("{FunctionName}", "said") + "/invocations",
        {"X-Amz-Log-Type": "Tail", "X-Amz-Client-Context": given}, b"{}")
    payload = json.loads(body)
    assert status == 200 and payload == {"id": headers["x-amzn-RequestId"], "client": "t"}
    assert headers["X-Amz-Executed-Version"] == "$LATEST"
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    tail = base64.b64decode(headers["X-Amz-Log-Result"]).decode()
    assert "hello log\n" in tail and tail.startswith(f"START RequestId: {payload['id']}")


@pytest.mark.parametrize("params, code, status, part", [
    ({"Payload": b"{"}, "InvalidRequestContentException", 400,
     "Could not parse request body into json: Could not parse payload into json: Unexpected end-of"),
    ({"ClientContext": "!"}, "InvalidRequestContentException", 400,
     "Client context must be a valid Base64-encoded JSON object."),
    ({"InvocationType": "Event", "Payload": b"{"}, "InvalidRequestContentException", 400,
     "Could not parse request body into json"),
    ({"InvocationType": "Later"}, "ValidationException", 400,
     "Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum "
     "value set: [DryRun, Event, RequestResponse]"),
    ({"LogType": "Head"}, "ValidationException", 400, "at 'logType'"),
    ({"FunctionName": "gone", "InvocationType": "DryRun"}, "ResourceNotFoundException", 404,
     "function:gone:$LATEST"),
])
def test_bad_invocations_are_refused(client, params, code, status, part):
    if "Error" in client.call("get_function_configuration", {"FunctionName": "invoked"}):
        make(client, "invoked")
    answer = client.call("invoke", {"FunctionName": "invoked", "Payload": b"{}", **params})
    assert code_of(answer) == (code, status) and part in answer["Error"]["Message"]


def test_a_dry_run_runs_nothing(client):
    make(client, "dry", {"main.py": "def handler(e, c): raise Exception('ran')"})
    answer = client.call("invoke", {"FunctionName": "dry", "InvocationType": "DryRun"})
    assert (answer["StatusCode"], answer["Payload"]) == (204, b"")


def frames(data):
    """[(headers, payload)] of an event stream; every checksum is checked."""
    found = []
    while data:
        total, headers_len, prelude = struct.unpack(">III", data[:12])
        assert zlib.crc32(data[:8]) == prelude
        assert zlib.crc32(data[:total - 4]) == struct.unpack(">I", data[total - 4:total])[0]
        headers, rest = {}, data[12:12 + headers_len]
        while rest:
            name_len = rest[0]
            value_len = struct.unpack(">H", rest[2 + name_len:4 + name_len])[0]
            end = 4 + name_len + value_len
            headers[rest[1:1 + name_len].decode()] = rest[4 + name_len:end].decode()
            rest = rest[end:]
        found.append((headers, data[12 + headers_len:total - 4]))
        data = data[total:]
    return found


STREAMER = {"index.js": """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
    if (event.fail) throw new Error("on purpose");
    for (let i = 0; i < 3; i++) {
        stream.write(`piece ${i};`);
        await new Promise((done) => setTimeout(done, 20));
    }
    stream.end();
});
"""}


def stream(client, name, event):
    path = f"/2021-11-15/functions/{name}/response-streaming-invocations"
    return client._send("lambda", "POST", path, {"X-Amz-Log-Type": "Tail"},
                        json.dumps(event).encode())


def test_a_stream_comes_as_frames(client):
    make(client, "streamer", STREAMER, Runtime="nodejs20.x", Handler="index.handler")
    status, headers, body = stream(client, "streamer", {})
    assert (status, headers["Content-Type"]) == (200, "application/vnd.amazon.eventstream")
    *chunks, (last, complete) = frames(body)
    assert b"".join(payload for _, payload in chunks) == b"piece 0;piece 1;piece 2;"
    assert all(head[":event-type"] == "PayloadChunk" for head, _ in chunks)
    assert last[":event-type"] == "InvokeComplete"
    assert b"START RequestId" in base64.b64decode(json.loads(complete)["LogResult"])
    failed = frames(stream(client, "streamer", {"fail": True})[2])
    complete = json.loads(failed[-1][1])
    assert complete["ErrorCode"] == "Unhandled" and "on purpose" in complete["ErrorDetails"]


def test_a_buffered_answer_is_streamed_too(client):
    make(client, "buffered")
    found = frames(stream(client, "buffered", {"a": 1})[2])
    assert [head[":event-type"] for head, _ in found] == ["PayloadChunk", "InvokeComplete"]
    assert json.loads(found[0][1]) == {"a": 1}
    assert stream(client, "nowhere", {})[0] == 404


# --- functions that call ---

CALLER = """
import json, os, boto3
from botocore.config import Config
def client(service):
    return boto3.client(service, endpoint_url=os.environ["AWS_ENDPOINT_URL"],
                        config=Config(retries={"max_attempts": 0}))
def handler(event, context):
    try:
        if event["what"] == "invoke":
            answer = client("lambda").invoke(FunctionName=event["name"], Payload=b'{"x": 1}')
            return json.loads(answer["Payload"].read())
        getattr(client("lambda"), event["what"])()
        return "done"
    except Exception as error:
        return str(error)
"""


def test_a_function_calls_what_its_file_lists_and_nothing_else(client):
    make(client, "callee")
    make(client, "stranger")
    make(client, "caller", {"main.py": CALLER, "function.yaml": "calls: [callee]\n"}, Timeout=30)
    assert invoke(client, "caller", {"what": "invoke", "name": "callee"}) == {"x": 1}
    denied = invoke(client, "caller", {"what": "invoke", "name": "stranger"})
    assert "AccessDeniedException" in denied and denied.endswith(
        "User: arn:aws:sts::000000000000:assumed-role/lambda-autogenerated-evoke/caller is not "
        "authorized to perform: lambda:InvokeFunction on resource: "
        "arn:aws:lambda:us-east-1:000000000000:function:stranger because no identity-based policy "
        "allows the lambda:InvokeFunction action")
    listed = invoke(client, "caller", {"what": "list_functions"})
    assert "is not authorized to perform: lambda:ListFunctions" in listed


def test_calls_in_a_circle_come_to_an_end(client):
    circle = CALLER + """
def circle(event, context):
    answer = client("lambda").invoke(FunctionName="circle", Payload=b"{}")
    return json.loads(answer["Payload"].read())
"""
    make(client, "circle", {"main.py": circle, "function.yaml": "calls: [circle]\n"}, Timeout=60,
         Handler="main.circle")
    answer = invoke(client, "circle")
    assert "RecursiveInvocationException" in json.dumps(answer), answer


# --- logs ---

def test_logs_are_read_in_pages(client):
    make(client, "logged", {"main.py": """
import json
def handler(event, context):
    for i in range(event["count"]):
        print(json.dumps({"n": i, "level": "ERROR" if i % 10 == 0 else "INFO"}))
"""})
    group = {"logGroupName": "/aws/lambda/logged"}
    invoke(client, "logged", {"count": 50})
    streams = client.call("describe_log_streams", {**group, "orderBy": "LastEventTime",
                                                   "descending": True})["logStreams"]
    place = {**group, "logStreamName": streams[0]["logStreamName"]}

    pages, token = [], None
    while True:
        page = client.call("get_log_events", {**place, "startFromHead": True, "limit": 20,
                                              **({"nextToken": token} if token else {})})
        if not page["events"]:
            assert page["nextForwardToken"] == token
            break
        pages.append(page)
        token = page["nextForwardToken"]
    messages = [one["message"] for page in pages for one in page["events"]]
    assert [len(page["events"]) for page in pages[:2]] == [20, 20]
    assert sum('"n"' in one for one in messages) == 50
    assert messages[-1].startswith("REPORT RequestId")
    back = client.call("get_log_events", {**place, "nextToken": pages[1]["nextBackwardToken"],
                                          "limit": 5})
    assert [one["message"] for one in back["events"]] == messages[15:20]
    newest = client.call("get_log_events", {**place, "limit": 3})
    assert [one["message"] for one in newest["events"]] == messages[-3:]

    found, token = [], None
    while True:
        page = client.call("filter_log_events", {**group, "limit": 7,
                                                 **({"nextToken": token} if token else {})})
        found += page["events"]
        token = page.get("nextToken")
        if not token:
            break
    assert [one["message"] for one in found] == messages
    assert len({one["eventId"] for one in found}) == len(found)


@pytest.mark.parametrize("pattern, count", [
    ("ERROR", 5), ('?"START RequestId" ?"END RequestId"', 2), ('"level" -INFO', 5), ("{ $.n >= 48 }", 2),
    ('{ $.level = "ERR*" && $.n < 20 }', 2),
])
def test_filter_patterns_choose_events(client, pattern, count):
    events = client.call("filter_log_events", {"logGroupName": "/aws/lambda/logged",
                                               "filterPattern": pattern})["events"]
    assert len(events) == count


def test_log_errors_are_those_of_aws(client):
    missing = {"logGroupName": "/aws/lambda/none"}
    for op, params, message in (
            ("describe_log_streams", missing, "The specified log group does not exist."),
            ("filter_log_events", missing, "The specified log group does not exist."),
            ("delete_log_group", missing, "The specified log group does not exist."),
            ("get_log_events", {**missing, "logStreamName": "none"},
             "The specified log group does not exist."),
            ("get_log_events", {"logGroupName": "/aws/lambda/logged", "logStreamName": "none"},
             "The specified log stream does not exist.")):
        answer = client.call(op, params)
        assert answer["Error"] == {"Code": "ResourceNotFoundException", "Message": message}
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    wrong = client.call("filter_log_events", {"logGroupName": "/aws/lambda/logged",
                                              "filterPattern": "{ $.a }"})
    assert wrong["Error"]["Code"] == "InvalidParameterException"
    both = {"logGroupName": "/aws/lambda/logged", "logGroupIdentifier": "/aws/lambda/logged"}
    for op, params in (("describe_log_streams", both), ("filter_log_events", both),
                       ("get_log_events", {**both, "logStreamName": "none"})):
        assert client.call(op, params)["Error"] == {
            "Code": "ValidationException",
            "Message": "LogGroup name and LogGroup ARN are mutually exclusive parameters."}
    for op, params in (("filter_log_events", {}), ("get_log_events", {"logStreamName": "none"})):
        params = {"logGroupName": "/aws/lambda/logged", **params}
        assert client.call(op, {**params, "nextToken": "invalid-token"})["Error"] == {
            "Code": "InvalidParameterException", "Message": "The specified nextToken is invalid."}
        assert client.call(op, {**params, "limit": 10001})["Error"] == {
            "Code": "InvalidParameterException",
            "Message": "1 validation error detected: Value '10001' at 'limit' failed to satisfy "
                       "constraint: Member must have value less than or equal to 10000"}


def test_groups_are_chosen_by_what_they_are(client):
    def names(**params):
        return [one["logGroupName"] for one in client.call("describe_log_groups", params)["logGroups"]]

    group = "/aws/lambda/logged"
    assert group in names(logGroupClass="STANDARD") and names(logGroupClass="DELIVERY") == []
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    assert names(logGroupIdentifiers=[arn]) == names(logGroupIdentifiers=[group, "none"]) == [group]
    shown = client.call("describe_log_groups", {"logGroupNamePrefix": group})["logGroups"][0]
    assert shown["deletionProtectionEnabled"] is False and shown["storedBytes"] > 0
    found = client.call("describe_log_groups", {"logGroupNamePattern": "logge"})["logGroups"][0]
    assert found["logGroupName"] == group
    assert not {"storedBytes", "deletionProtectionEnabled"} & set(found)
    for params, message in (
            ({"logGroupNamePattern": "a", "logGroupNamePrefix": "a"},
             "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."),
            ({"logGroupClass": "NONE"}, "1 validation error detected: Value 'NONE' at 'logGroupClass' "
             "failed to satisfy constraint: Member must satisfy enum value set: "
             "[INFREQUENT_ACCESS, STANDARD, DELIVERY]"),
            ({"logGroupNamePattern": "a b"}, "1 validation error detected: Value 'a b' at "
             "'logGroupNamePattern' failed to satisfy constraint: Member must satisfy regular "
             r"expression pattern: [\.\-_/#A-Za-z0-9]*")):
        assert client.call("describe_log_groups", params)["Error"] == {
            "Code": "InvalidParameterException", "Message": message}


def test_groups_are_listed_and_deleted(client):
    make(client, "grouped")
    invoke(client, "grouped")
    listed = client.call("describe_log_groups", {"logGroupNamePrefix": "/aws/lambda/grouped"})
    assert [one["logGroupName"] for one in listed["logGroups"]] == ["/aws/lambda/grouped"]
    client.call("delete_log_group", {"logGroupName": "/aws/lambda/grouped"})
    listed = client.call("describe_log_groups", {"logGroupNamePrefix": "/aws/lambda/grouped"})
    assert listed["logGroups"] == []
