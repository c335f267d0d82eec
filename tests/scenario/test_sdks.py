# SPDX-License-Identifier: Apache-2.0
"""The same job by the AWS CLI, boto3 and the AWS SDK for JavaScript, as against AWS."""
import base64
import hashlib
import io
import json
import os
import pathlib
import subprocess
import time
import urllib.parse
import urllib.request
import zipfile

import boto3.session
import botocore.config
import pytest

import evoke_daemon

AWS = "/usr/bin/aws"
SDK = evoke_daemon.BUILD / "runtimes" / "nodejs" / "node_modules"
JOB = pathlib.Path(__file__).resolve().parents[1] / "clients" / "sdk" / "job.mjs"
ROLE = "arn:aws:iam::000000000000:role/test"
FIRST = "def handler(event, context):\n    print('got', event)\n    return {'version': 1, 'event': event}\n"
SECOND = FIRST.replace("'version': 1", "'version': 2")


def fetch(daemon, url):
    """GET of a function URL: by its host name, at the gateway's address."""
    parts = urllib.parse.urlsplit(url)
    return daemon.get(parts.path or "/", headers={"Host": parts.netloc})


def sha256(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture
def packages(tmp_path):
    """Two packages as files: (first, second)."""
    made = []
    for name, code in (("first", FIRST), ("second", SECOND)):
        made.append(tmp_path / f"{name}.zip")
        made[-1].write_bytes(evoke_daemon.make_zip({"main.py": code}))
    return made


# --- AWS CLI ---


def cli_command(daemon, *arguments):
    # Debian's CLI is older than AWS_ENDPOINT_URL.
    return [AWS, "--endpoint-url", daemon.api, *map(str, arguments)]


def cli_env(daemon):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    return {**env, **daemon.env, "AWS_CONFIG_FILE": "/nonexistent", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def aws(daemon, tmp_path):
    """aws(*arguments): what it prints, as JSON when it is; with fails=True what it complains."""
    if not os.access(AWS, os.X_OK):
        pytest.skip("no Debian AWS CLI (awscli)")

    def run(*arguments, fails=False):
        done = subprocess.run(cli_command(daemon, *arguments), capture_output=True, text=True,
                              env=cli_env(daemon), cwd=tmp_path, timeout=100, check=False)
        assert (done.returncode != 0) == fails, (arguments, done.stdout, done.stderr)
        if fails:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout

    return run


def test_the_aws_cli_does_the_whole_job(daemon, aws, packages, tmp_path):
    name = "by-cli"
    out = tmp_path / "out.json"
    created = aws("lambda", "create-function", "--function-name", name, "--runtime", "python3.11",
                  "--handler", "main.handler", "--role", ROLE, "--zip-file", f"fileb://{packages[0]}",
                  "--timeout", "5", "--environment", "Variables={ONE=1,TWO=two}", "--tags", "team=a")
    assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert created["State"] in ("Pending", "Active") and created["Timeout"] == 5
    assert created["CodeSha256"] == sha256(packages[0].read_bytes())
    aws("lambda", "wait", "function-active-v2", "--function-name", name)

    invoked = aws("lambda", "invoke", "--function-name", name, "--payload",
                  base64.b64encode('{"k":"ü"}'.encode()).decode(), "--log-type", "Tail", out)
    assert invoked["StatusCode"] == 200 and invoked["ExecutedVersion"] == "$LATEST"
    assert json.loads(out.read_text()) == {"version": 1, "event": {"k": "ü"}}
    assert "got {'k': 'ü'}" in base64.b64decode(invoked["LogResult"]).decode()

    url = aws("lambda", "create-function-url-config", "--function-name", name, "--auth-type",
              "NONE")["FunctionUrl"]
    assert fetch(daemon, url)[0] == 403
    aws("lambda", "add-permission", "--function-name", name, "--statement-id", "public",
        "--action", "lambda:InvokeFunctionUrl", "--principal", "*", "--function-url-auth-type",
        "NONE")
    status, _, body = fetch(daemon, url)
    assert status == 200 and json.loads(body)["event"]["rawPath"] == "/"

    updated = aws("lambda", "update-function-code", "--function-name", name, "--zip-file",
                  f"fileb://{packages[1]}")
    assert updated["CodeSha256"] == sha256(packages[1].read_bytes())
    aws("lambda", "wait", "function-updated-v2", "--function-name", name)
    aws("lambda", "invoke", "--function-name", name, out)
    assert json.loads(out.read_text())["version"] == 2

    got = aws("lambda", "get-function", "--function-name", name)
    assert got["Configuration"]["Environment"]["Variables"] == {"ONE": "1", "TWO": "two"}
    assert got["Tags"] == {"team": "a"}
    with urllib.request.urlopen(got["Code"]["Location"], timeout=30) as answer:
        assert answer.read() == packages[1].read_bytes()

    aws("lambda", "update-function-configuration", "--function-name", name, "--memory-size", "256")
    aws("lambda", "wait", "function-updated", "--function-name", name)
    assert aws("lambda", "get-function-configuration", "--function-name", name)["MemorySize"] == 256

    published = aws("lambda", "update-function-code", "--function-name", name, "--zip-file",
                    f"fileb://{packages[0]}", "--publish")
    assert published["Version"] == "1" and published["FunctionArn"].endswith(":1")
    aws("lambda", "wait", "published-version-active", "--function-name", name, "--qualifier", "1")
    aws("lambda", "invoke", "--function-name", name, "--qualifier", "1", out)
    assert json.loads(out.read_text())["version"] == 1

    arn = created["FunctionArn"]
    aws("lambda", "tag-resource", "--resource", arn, "--tags", "team=b,more=x")
    aws("lambda", "untag-resource", "--resource", arn, "--tag-keys", "more")
    assert aws("lambda", "list-tags", "--resource", arn)["Tags"] == {"team": "b"}
    policy = json.loads(aws("lambda", "get-policy", "--function-name", name)["Policy"])
    assert policy["Statement"][0]["Sid"] == "public"
    aws("lambda", "remove-permission", "--function-name", name, "--statement-id", "public")
    assert fetch(daemon, url)[0] == 403
    aws("lambda", "delete-function-url-config", "--function-name", name)
    assert fetch(daemon, url)[0] in (403, 404)

    aws("lambda", "delete-function", "--function-name", name)
    assert "ResourceNotFoundException" in aws("lambda", "get-function", "--function-name", name,
                                              fails=True)


def test_the_aws_cli_lists_page_by_page(daemon, aws):
    names = [f"page-{n:02}" for n in range(7)]
    for name in names:
        daemon.create(name, {"main.py": FIRST})
    listed = aws("lambda", "list-functions", "--page-size", "3")["Functions"]
    assert [f["FunctionName"] for f in listed if f["FunctionName"].startswith("page-")] == names
    first = aws("lambda", "list-functions", "--max-items", "4", "--page-size", "2")
    assert len(first["Functions"]) == 4 and first["NextToken"]


def test_the_aws_cli_knows_who_it_is(aws):
    identity = aws("sts", "get-caller-identity")
    assert identity["Account"] == "000000000000" and identity["Arn"] and identity["UserId"]


def test_the_aws_cli_tells_a_function_error(daemon, aws, tmp_path):
    daemon.create("cli-raises", {"main.py": "def handler(e, c): raise ValueError('no')\n"})
    answer = aws("lambda", "invoke", "--function-name", "cli-raises", tmp_path / "out.json")
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads((tmp_path / "out.json").read_text())["errorType"] == "ValueError"


def test_the_aws_cli_tails_logs(daemon, aws):
    daemon.create("talks", {"main.py": "def handler(e, c): print('said', e['n'])\n"})
    for n in range(3):
        daemon.invoke("talks", {"n": n})
    deadline = time.monotonic() + 20
    text = ""
    while "said 2" not in text and time.monotonic() < deadline:
        text = aws("logs", "tail", "/aws/lambda/talks", "--format", "short")
    said = [line.split(" ", 1)[1] for line in text.splitlines() if " said " in line]
    assert said == ["said 0", "said 1", "said 2"]
    assert "REPORT RequestId: " in text
    filtered = aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/talks",
                   "--filter-pattern", '"said 1"')
    assert [event["message"].strip() for event in filtered["events"]] == ["said 1"]
    assert [group["logGroupName"] for group in aws(
        "logs", "describe-log-groups", "--log-group-name-prefix", "/aws/lambda/ta")["logGroups"]] == [
            "/aws/lambda/talks"]
    streams = aws("logs", "describe-log-streams", "--log-group-name", "/aws/lambda/talks")["logStreams"]
    events = aws("logs", "get-log-events", "--log-group-name", "/aws/lambda/talks",
                 "--log-stream-name", streams[0]["logStreamName"], "--start-from-head")["events"]
    assert any(event["message"].startswith("said 0") for event in events)
    assert "ResourceNotFoundException" in aws("logs", "tail", "/aws/lambda/nosuch", fails=True)


def test_the_aws_cli_follows_logs(daemon):
    if not os.access(AWS, os.X_OK):
        pytest.skip("no Debian AWS CLI (awscli)")
    daemon.create("goes-on", {"main.py": "def handler(e, c): print('said', e['n'])\n"})
    daemon.invoke("goes-on", {"n": 0})
    command = cli_command(daemon, "logs", "tail", "/aws/lambda/goes-on", "--follow", "--format", "short")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1,
                          env={**cli_env(daemon), "PYTHONUNBUFFERED": "1"}) as following:
        try:
            for n in range(3):
                if n > 0:
                    daemon.invoke("goes-on", {"n": n})
                assert any(f"said {n}" in line for line in iter(following.stdout.readline, ""))
        finally:
            following.terminate()


# --- boto3 ---


def boto_client(daemon, service):
    """As a program makes it: keys, region and endpoint from where boto3 looks by itself."""
    key, secret = daemon.keys()
    return boto3.session.Session(key, secret, region_name="us-east-1").client(
        service, endpoint_url=daemon.api, config=botocore.config.Config(read_timeout=60))


def test_boto3_does_the_whole_job(daemon, packages):
    name = "by-boto3"
    client = boto_client(daemon, "lambda")
    fast = {"WaiterConfig": {"Delay": 1, "MaxAttempts": 30}}
    created = client.create_function(
        FunctionName=name, Runtime="python3.11", Handler="main.handler", Role=ROLE,
        Code={"ZipFile": packages[0].read_bytes()}, Description="grüße", MemorySize=192, Tags={"a": "b"})
    assert created["Description"] == "grüße" and created["Version"] == "$LATEST"
    client.get_waiter("function_active_v2").wait(FunctionName=name, **fast)

    answer = client.invoke(FunctionName=created["FunctionArn"], Payload=json.dumps({"k": 1}))
    assert json.load(answer["Payload"]) == {"version": 1, "event": {"k": 1}}

    url = client.create_function_url_config(FunctionName=name, AuthType="NONE",
                                            Cors={"AllowOrigins": ["*"]})["FunctionUrl"]
    client.add_permission(FunctionName=name, StatementId="public", Principal="*",
                          Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
    assert client.get_function_url_config(FunctionName=name)["Cors"] == {"AllowOrigins": ["*"]}
    assert [u["FunctionUrl"] for u in client.list_function_url_configs(FunctionName=name)[
        "FunctionUrlConfigs"]] == [url]
    assert fetch(daemon, url)[0] == 200

    client.update_function_code(FunctionName=name, ZipFile=packages[1].read_bytes())
    client.get_waiter("function_updated_v2").wait(FunctionName=name, **fast)
    assert json.load(client.invoke(FunctionName=name)["Payload"])["version"] == 2
    got = client.get_function(FunctionName=name)
    with urllib.request.urlopen(got["Code"]["Location"], timeout=30) as answer:
        with zipfile.ZipFile(io.BytesIO(answer.read())) as archive:
            assert archive.read("main.py").decode() == SECOND
    assert got["Configuration"]["LastUpdateStatus"] == "Successful"

    published = client.publish_version(FunctionName=name, Description="two")
    assert published["Version"] == "1"
    assert [v["Version"] for v in client.list_versions_by_function(FunctionName=name)["Versions"]] == [
        "$LATEST", "1"]
    assert json.load(client.invoke(FunctionName=name, Qualifier="1")["Payload"])["version"] == 2

    assert client.list_tags(Resource=created["FunctionArn"])["Tags"] == {"a": "b"}
    client.delete_function(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName=name)


def test_boto3_pages_through_all_functions(daemon):
    for n in range(5):
        daemon.create(f"boto-page-{n}", {"main.py": FIRST})
    pages = list(boto_client(daemon, "lambda").get_paginator("list_functions").paginate(
        PaginationConfig={"PageSize": 2}))
    names = [f["FunctionName"] for page in pages for f in page["Functions"]]
    assert all(len(page["Functions"]) <= 2 for page in pages)
    assert len(names) == len(set(names)) and names == sorted(names)
    assert [n for n in names if n.startswith("boto-page-")] == [f"boto-page-{n}" for n in range(5)]


def test_boto3_reads_logs_and_identity(daemon):
    daemon.create("boto-logs", {"main.py": "def handler(e, c): print('line', e['n'])\n"})
    for n in range(4):
        daemon.invoke("boto-logs", {"n": n})
    logs = boto_client(daemon, "logs")
    deadline = time.monotonic() + 20
    seen = []
    while len(seen) < 4 and time.monotonic() < deadline:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/lambda/boto-logs", filterPattern="line", PaginationConfig={"PageSize": 2})
        seen = [event["message"].strip() for page in pages for event in page["events"]]
    assert seen == [f"line {n}" for n in range(4)]
    assert boto_client(daemon, "sts").get_caller_identity()["Account"] == "000000000000"


def test_boto3_is_told_what_is_wrong_with_its_keys(daemon):
    client = boto3.session.Session("AKIAAAAAAAAAAAAAAAAA", "x" * 40, region_name="us-east-1").client(
        "lambda", endpoint_url=daemon.api)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.list_functions()
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


# --- AWS SDK for JavaScript ---


@pytest.mark.skipif(not SDK.is_dir(), reason="no @aws-sdk: tools/install-libraries BUILD installs it")
def test_the_javascript_sdk_does_the_whole_job(daemon, packages):
    done = subprocess.run(["/usr/bin/node", JOB, *packages], capture_output=True, text=True, timeout=100,
                          env={**os.environ, **daemon.env, "SDK": str(SDK)}, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["first"] == {"version": 1, "event": {"k": "ü"}}
    assert told["second"]["version"] == told["published"]["version"] == 2
    assert "got " in told["tail"]
    assert told["codeSha256"] == sha256(packages[1].read_bytes()) == told["downloadedSha256"]
    assert told["urlStatus"] == 200 and told["urlPath"] == "/a/b"
    assert told["streamed"]["version"] == 2 and told["streamEnd"] is True
    assert told["errorName"] == "ResourceNotFoundException"
    assert told["tags"] == {"team": "b"} and told["account"] == "000000000000"
    assert told["listed"] == ["by-js"] and any(line.startswith("got ") for line in told["logs"])
