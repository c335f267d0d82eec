# SPDX-License-Identifier: Apache-2.0
"""One function calls another over the gateway, by its URL, by a route of its function.yaml and by a
route of an API, each of which takes signed requests only: who the caller is, and who may."""
import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from evoke_daemon import wait_until

CALLER = {"function.yaml": "calls: [listed]\nbuses: [open]\nqueues: [open]\n", "main.py": '''
import os, urllib.error, urllib.request
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
NAMES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

def handler(event, context):
    keys = event.get("keys") or [os.environ[name] for name in NAMES]
    if event.get("exit"): os._exit(1)
    if "path" not in event: return keys
    body = event["body"].encode() if "body" in event else None
    request = AWSRequest(event.get("method", "GET"), os.environ["EVOKE_GATEWAY"] + event["path"],
                         data=body, headers={"X-Amzn-Trace-Id": os.environ["_X_AMZN_TRACE_ID"]})
    if event["service"]:
        SigV4Auth(Credentials(*keys), event["service"], "us-east-1").add_auth(request)
    sent = urllib.request.Request(request.url, body, dict(request.headers.items()),
                                  method=request.method)
    try:
        with urllib.request.urlopen(sent) as answer: return [answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error: return [error.code, error.read().decode()]
'''}
CALLED = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event["requestContext"])}
"""
SESSION = "arn:aws:sts::000000000000:assumed-role/test/caller"
ROLE = "arn:aws:iam::000000000000:role/test"


class World:
    def __init__(self, daemon):
        self.daemon, self.lambda_ = daemon, daemon.boto("lambda")
        self.paths = {}
        for name in ("listed", "other"):
            daemon.create(name, {"main.py": CALLED, "function.yaml": (
                f"http:\n  auth: iam\n  route: GET /filed/{name}/{{id}}\n")})
            self.lambda_.add_permission(
                FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com")
        for name in ("caller", "second"):
            daemon.create(name, CALLER, Timeout=30, MemorySize=256)
        self.make_api()

    def make_api(self):
        client = self.client = self.daemon.boto("apigatewayv2")
        self.api = client.create_api(Name="inside", ProtocolType="HTTP")["ApiId"]
        for name in ("listed", "other"):
            arn = self.lambda_.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
            url = self.lambda_.get_function_url_config(FunctionName=name)["FunctionUrl"]
            self.paths["url", name] = f"/urls/{url.split('//')[1].split('.')[0]}/a"
            self.paths["route", name] = f"/filed/{name}/7"
            for version in ("2.0", "1.0"):
                target = client.create_integration(
                    ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationUri=arn,
                    PayloadFormatVersion=version)["IntegrationId"]
                self.route(f"ANY /{name}/{version}/{{id}}", f"integrations/{target}")
                self.paths[f"api {version}", name] = f"/apis/{self.api}/{name}/{version}/7"
        client.create_stage(ApiId=self.api, StageName="$default", AutoDeploy=True)

    def route(self, key, target):
        self.client.create_route(ApiId=self.api, RouteKey=key, AuthorizationType="AWS_IAM",
                                 Target=target)

    def call(self, path, service="execute-api", name="caller", **event):
        told, answer = self.daemon.invoke(name, {"path": path, "service": service, **event})
        assert "FunctionError" not in answer, told
        return told

    def keys(self, name="caller"):
        """Of the instance that was called last."""
        self.daemon.settle()
        return self.daemon.invoke(name, {})[0]


WAYS = ["url", "route", "api 2.0", "api 1.0"]


def service_of(way):
    return "execute-api" if way.startswith("api") else "lambda"


@pytest.fixture(scope="module", name="world")
def _world(daemon):
    return World(daemon)


@pytest.mark.parametrize("way", WAYS)
def test_the_function_that_is_called_knows_who_calls(world, way):
    status, body = world.call(world.paths[way, "listed"], service_of(way))
    assert status == 200, body
    context = json.loads(body)
    if way == "api 1.0":
        identity = context["identity"]
        assert (identity["userArn"], identity["accountId"], identity["caller"],
                identity["user"]) == (SESSION, "000000000000", "AROAEVOKE:caller",
                                      "AROAEVOKE:caller")
    else:
        identity = context["authorizer"]["iam"]
        assert (identity["userArn"], identity["accountId"], identity["callerId"],
                identity["userId"]) == (SESSION, "000000000000", "AROAEVOKE:caller",
                                        "AROAEVOKE:caller")
    assert identity["accessKey"] == world.keys()[0]


@pytest.mark.parametrize("way", WAYS)
def test_nobody_else_is_called(world, way):
    """Not listed; unsigned; signed for the other service; with a secret or session token of
    one's own."""
    key, secret, token = world.keys()
    path = world.paths[way, "listed"]
    service = service_of(way)
    other = {"lambda": "execute-api", "execute-api": "lambda"}[service]
    assert world.call(world.paths[way, "other"], service)[0] == 403
    assert world.call(path, None)[0] == 403
    assert world.call(path, other)[0] == 403
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    for keys in ([key, "x" * 40, token], [key, secret, forged], [key, secret, None],
                 ["ASIA" + "A" * 16, secret, token]):
        assert world.call(path, service, keys=keys)[0] == 403, keys
    assert world.call(path, service)[0] == 200


@pytest.mark.parametrize("way", WAYS)
def test_a_key_opens_nothing_in_another_sandbox(world, way):
    path, service = world.paths[way, "listed"], service_of(way)
    keys = world.keys("second")
    assert world.call(path, service, name="second")[0] == 200
    assert world.call(path, service, keys=keys)[0] == 403


@pytest.mark.parametrize("way", WAYS)
def test_a_key_is_good_outside_until_its_instance_ends(world, way):
    path, service = world.paths[way, "listed"], service_of(way)
    keys = world.keys("second")

    def ask(path):
        request = AWSRequest("GET", world.daemon.gateway + path)
        SigV4Auth(Credentials(*keys), service, "us-east-1").add_auth(request)
        return world.daemon.get(path, headers=dict(request.headers.items()))[0]

    assert ask(path) == 200 and ask(world.paths[way, "other"]) == 403
    world.daemon.settle()
    world.daemon.invoke("second", {"exit": True})
    wait_until(lambda: ask(path) == 403, "the end of the key")


@pytest.mark.parametrize("principal,lets", [
    (SESSION, True), (ROLE, True), ("*", True), (ROLE + "2", False),
    (SESSION.replace("caller", "second"), False)])
@pytest.mark.parametrize("way", ["url", "route", "api 2.0"])
def test_the_policy_of_the_function_that_is_called_may_let_a_function_in(world, way, principal,
                                                                         lets):
    path, service = world.paths[way, "other"], service_of(way)
    by_url = {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "AWS_IAM"}
    by_api = {"Action": "lambda:InvokeFunction"}
    world.lambda_.add_permission(FunctionName="other", StatementId="let", Principal=principal,
                                 **(by_api if way.startswith("api") else by_url))
    try:
        assert world.call(path, service)[0] == (200 if lets else 403)
        assert world.call(path, None)[0] == 403
    finally:
        world.lambda_.remove_permission(FunctionName="other", StatementId="let")
    assert world.call(path, service)[0] == 403


def test_routes_that_lead_to_no_function_are_the_accounts(world):
    """Though the function that asks may send to that queue, and put events into that bus."""
    client, sqs = world.client, world.daemon.boto("sqs")
    world.daemon.boto("events").create_event_bus(Name="open")
    queue = sqs.create_queue(QueueName="open")["QueueUrl"]
    for path, settings in (
            ("queue", {"IntegrationType": "AWS_PROXY", "IntegrationSubtype": "SQS-SendMessage",
                       "RequestParameters": {"QueueUrl": queue, "MessageBody": "$request.path"}}),
            ("bus", {"IntegrationType": "AWS_PROXY",
                     "IntegrationSubtype": "EventBridge-PutEvents",
                     "RequestParameters": {"Detail": "{}", "DetailType": "t", "Source": "s",
                                           "EventBusName": "open"}}),
            ("url", {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "GET",
                     "IntegrationUri": "http://127.0.0.1:1/"})):
        if path != "url":
            settings["CredentialsArn"] = "arn:aws:iam::000000000000:role/any"
        target = client.create_integration(ApiId=world.api, PayloadFormatVersion="1.0",
                                           **settings)["IntegrationId"]
        world.route(f"POST /to/{path}", f"integrations/{target}")
        where = f"/apis/{world.api}/to/{path}"
        assert world.call(where, method="POST", body="") == [403, '{"message":"Forbidden"}'], path
        request = AWSRequest("POST", world.daemon.gateway + where, data=b"")
        SigV4Auth(Credentials(*world.daemon.keys()), "execute-api", "us-east-1").add_auth(request)
        status = world.daemon.get(where, method="POST", body=b"",
                                  headers=dict(request.headers.items()))[0]
        # 503: it passed, and its integration may not call this machine.
        assert status == (503 if path == "url" else 200), path
    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "/to/queue"


def test_a_permission_for_the_url_is_none_for_the_api_and_the_other_way_round(world):
    allow = world.lambda_.add_permission
    allow(FunctionName="other", StatementId="url", Principal=SESSION,
          Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="AWS_IAM")
    assert world.call(world.paths["api 2.0", "other"])[0] == 403
    world.lambda_.remove_permission(FunctionName="other", StatementId="url")
    allow(FunctionName="other", StatementId="api-of-caller", Principal=SESSION,
          Action="lambda:InvokeFunction")
    assert world.call(world.paths["url", "other"], "lambda")[0] == 403
    world.lambda_.remove_permission(FunctionName="other", StatementId="api-of-caller")


def test_the_same_permission_lets_invoke(daemon):
    code = '''
import boto3, botocore
def handler(event, context):
    try: return boto3.client("lambda").invoke(FunctionName="kept", Payload="{}")["Payload"].read().decode()
    except botocore.exceptions.ClientError as error: return error.response["Error"]["Code"]
'''
    daemon.create("kept", {"main.py": "def handler(event, context):\n    return 'kept'\n"})
    daemon.create("asks", {"main.py": code}, Timeout=30, MemorySize=256)
    assert daemon.invoke("asks")[0] == "AccessDeniedException"
    daemon.boto("lambda").add_permission(
        FunctionName="kept", StatementId="asks", Action="lambda:InvokeFunction",
        Principal="arn:aws:sts::000000000000:assumed-role/test/asks")
    assert daemon.invoke("asks")[0] == '"kept"'


LOOP = CALLER["main.py"].replace("def handler", "def ask").replace(
    'headers={', 'headers={"x-depth": str(event["depth"] + 1), "x-path": event["path"], ') + """
import json
def handler(event, context):
    given = event.get("headers", {})
    path, depth = event.get("path") or given["x-path"], int(given.get("x-depth", 1))
    if depth == 18: return {"statusCode": 200, "body": "18"}
    status, body = ask({"path": path, "service": "execute-api", "depth": depth}, context)
    return {"statusCode": 200, "body": body if status == 200 else json.dumps([status, depth])}
"""


def test_a_chain_over_an_api_ends_after_sixteen(world):
    """Also where each call is signed: the trace that a function passes on has the count."""
    world.daemon.create("chain", {"main.py": LOOP, "function.yaml": "calls: [chain]\n"},
                        Timeout=60, MemorySize=256)
    arn = world.lambda_.get_function(FunctionName="chain")["Configuration"]["FunctionArn"]
    world.lambda_.add_permission(FunctionName="chain", StatementId="api",
                                 Action="lambda:InvokeFunction",
                                 Principal="apigateway.amazonaws.com")
    target = world.client.create_integration(
        ApiId=world.api, IntegrationType="AWS_PROXY", IntegrationUri=arn,
        PayloadFormatVersion="2.0")["IntegrationId"]
    world.route("GET /chain", f"integrations/{target}")
    told, answer = world.daemon.invoke("chain", {"path": f"/apis/{world.api}/chain"})
    assert "FunctionError" not in answer, told
    assert json.loads(told["body"]) == [400, 16]
    assert world.daemon.signed("PUT", "/2024-08-31/functions/chain/recursion-config",
                               {"RecursiveLoop": "Allow"})[0] == 200
    assert world.daemon.invoke("chain", {"path": f"/apis/{world.api}/chain"})[0]["body"] == "18"
