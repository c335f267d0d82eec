# SPDX-License-Identifier: Apache-2.0
"""What is behind the routes of WebSocket APIs besides functions: servers, services, the gateway."""
import http.server
import json
import queue
import threading
import urllib.parse

import botocore.exceptions
import pytest
import websocket

ROLE = "arn:aws:iam::000000000000:role/gateway"
TWO_WAY = {"RouteResponseSelectionExpression": "$default"}


class Upstream(http.server.BaseHTTPRequestHandler):
    """Keeps what it was asked; answers with the status that the path ends with."""
    protocol_version = "HTTP/1.1"
    asked = queue.Queue()
    held = threading.Event()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        Upstream.asked.put({"method": self.command, "path": self.path, "body": body,
                            "headers": {name.lower(): value for name, value in self.headers.items()}})
        path = urllib.parse.urlsplit(self.path).path
        if path == "/wait":
            Upstream.held.wait(60)
            self.close_connection = True
            return
        told = b"\xff\xfe" if path == "/bytes" else f"answer to {body}".encode()
        last = path.rsplit("/", 1)[-1]
        self.send_response(int(last) if last.isdigit() else 200)
        self.send_header("Content-Length", str(len(told)))
        self.send_header("Sec-WebSocket-Protocol", "chat")
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def upstream():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Upstream.held.set()
    server.shutdown()


def asked():
    return Upstream.asked.get(timeout=60)


class Api:
    def __init__(self, daemon, **variables):
        self.daemon = daemon
        self.client = daemon.boto("apigatewayv2")
        self.id = self.client.create_api(
            Name="sockets", ProtocolType="WEBSOCKET",
            RouteSelectionExpression="$request.body.action")["ApiId"]
        self.client.create_stage(ApiId=self.id, StageName="dev", AutoDeploy=True,
                                 StageVariables=variables)

    def add(self, key, kind, route=None, **integration):
        made = self.client.create_integration(ApiId=self.id, IntegrationType=kind,
                                              **integration)["IntegrationId"]
        self.client.create_route(ApiId=self.id, RouteKey=key, Target="integrations/" + made,
                                 **(route or {}))
        return made

    def respond(self, integration, key, **more):
        self.client.create_integration_response(
            ApiId=self.id, IntegrationId=integration, IntegrationResponseKey=key, **more)

    def open(self, query="", **more):
        host = urllib.parse.urlsplit(self.daemon.gateway).netloc
        return websocket.create_connection(f"ws://{host}/apis/{self.id}/dev{query}", timeout=60, **more)

    def refused(self, **integration):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            self.client.create_integration(ApiId=self.id, **integration)
        error = caught.value.response
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 400, error
        return error["Error"]["Message"]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    from evoke_daemon import Daemon

    daemon = Daemon(tmp_path_factory.mktemp("sockets") / "data", "--upstream-networks", "private").start()
    try:
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def messages(daemon, request):
    sqs = daemon.boto("sqs")
    name = request.node.name[:70].replace("[", "-").strip("]")
    return sqs.create_queue(QueueName=name)["QueueUrl"]


def receive(daemon, url):
    sqs = daemon.boto("sqs")
    for _ in range(6):
        got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10).get("Messages")
        if got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=got[0]["ReceiptHandle"])
            return got[0]["Body"]
    raise AssertionError("no message came")


# --- servers ---

def test_messages_are_posted_to_a_url(daemon, upstream):
    api = Api(daemon, base="v1")
    api.add("say", "HTTP_PROXY", TWO_WAY, IntegrationMethod="POST",
            IntegrationUri=upstream + "/${stageVariables.base}/{room}?k=1", RequestParameters={
                "integration.request.path.room": "route.request.body.room",
                "integration.request.querystring.from": "context.connectionId",
                "integration.request.header.X-Kind": "'chat'",
                "integration.request.header.X-Event": "context.eventType",
                "integration.request.header.X-Split": "route.request.body.split",
                "integration.request.header.X-Key": "route.request.header.host"})
    api.add("$default", "HTTP", IntegrationMethod="PUT", IntegrationUri=upstream + "/other")
    client = api.open()
    message = json.dumps({"action": "say", "room": "a/b c", "split": "1\r\nX-Forged: 1"})
    client.send(message)
    assert client.recv() == "answer to " + message
    got = asked()
    path, _, query = got["path"].partition("?")
    assert (got["method"], path, got["body"]) == ("POST", "/v1/a%2Fb%20c", message)
    query = urllib.parse.parse_qs(query)
    assert query["k"] == ["1"] and len(query["from"][0]) == 16
    headers = got["headers"]
    assert headers["x-kind"] == "chat" and headers["x-event"] == "MESSAGE"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "AmazonAPIGateway_" + api.id
    assert headers["x-amzn-trace-id"].startswith("Root=1-")
    assert headers["forwarded"].startswith("by=_evoke;for=127.0.0.1;")
    assert not {"x-split", "x-forged", "x-key", "sec-websocket-key"} & set(headers)

    client.send(json.dumps({"action": "say", "room": ".."}))  # leads up: nobody is asked
    assert json.loads(client.recv())["message"] == "Internal server error"

    client.send("plain")  # one-way: nothing comes back before the next answer
    got = asked()
    assert (got["method"], got["path"], got["body"]) == ("PUT", "/other", "plain")
    assert got["headers"]["content-type"].startswith("text/plain")
    client.send(message)
    assert client.recv() == "answer to " + message
    asked()
    client.close()


def test_a_server_lets_clients_in_and_hears_of_their_end(daemon, upstream):
    api = Api(daemon)
    api.add("$connect", "HTTP_PROXY", IntegrationMethod="POST", IntegrationUri=upstream + "/come/{status}",
            RequestParameters={"integration.request.path.status": "route.request.querystring.status",
                               "integration.request.header.X-User": "context.authorizer.principalId"})
    api.add("$disconnect", "HTTP", IntegrationMethod="POST", IntegrationUri=upstream + "/gone",
            RequestParameters={"integration.request.header.connection-id": "context.connectionId",
                               "integration.request.header.event": "context.eventType"})
    client = api.open("?status=200&user=ann", header=["X-Mine: 1", "X-User: root", "Cookie: a=b"],
                      subprotocols=["chat"])
    assert client.subprotocol == "chat"
    got = asked()
    assert (got["method"], got["body"]) == ("POST", "")
    assert got["path"] == "/come/200?status=200&user=ann"
    assert got["headers"]["x-mine"] == "1" and got["headers"]["cookie"] == "a=b"
    assert not [name for name in got["headers"] if name.startswith("sec-websocket") or name == "upgrade"]
    assert "x-user" not in got["headers"]  # nobody is known, and the client cannot say who
    client.close()
    got = asked()
    assert got["path"] == "/gone" and got["headers"]["event"] == "DISCONNECT"
    assert len(got["headers"]["connection-id"]) == 16

    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        api.open("?status=403")
    assert caught.value.status_code == 403
    asked()


def test_servers_that_fail_are_told_to_the_client(daemon, upstream):
    api = Api(daemon)
    api.add("slow", "HTTP", TWO_WAY, IntegrationMethod="POST", IntegrationUri=upstream + "/wait",
            TimeoutInMillis=100)
    api.add("absent", "HTTP", TWO_WAY, IntegrationMethod="POST", IntegrationUri="http://127.0.0.1:1/")
    api.add("bytes", "HTTP", TWO_WAY, IntegrationMethod="POST", IntegrationUri=upstream + "/bytes")
    status = api.add("status", "HTTP", TWO_WAY, IntegrationMethod="POST", IntegrationUri=upstream + "/503")
    api.respond(status, "/5\\d\\d/", ResponseTemplates={"$default": '{"sorry": true}'})
    api.respond(status, "$default")
    client = api.open()
    for action, told in (("slow", "Endpoint request timed out"), ("absent", "Internal server error"),
                         ("bytes", "Internal server error")):
        client.send(json.dumps({"action": action}))
        error = json.loads(client.recv())
        assert error["message"] == told and error["connectionId"] and error["requestId"]
    client.send('{"action": "status"}')
    assert json.loads(client.recv()) == {"sorry": True}
    client.close()
    for _ in range(3):
        asked()


def test_addresses_that_integrations_may_not_call(make_daemon, upstream):
    api = Api(make_daemon())
    api.add("$default", "HTTP_PROXY", TWO_WAY, IntegrationMethod="POST", IntegrationUri=upstream + "/x")
    client = api.open()
    client.send("hello")
    assert json.loads(client.recv())["message"] == "Internal server error"
    assert Upstream.asked.empty()
    client.close()


# --- services ---

def test_messages_are_sent_to_a_queue(daemon, messages):
    api = Api(daemon)
    api.add("$default", "AWS_PROXY", TWO_WAY, IntegrationSubtype="SQS-SendMessage", CredentialsArn=ROLE,
            PayloadFormatVersion="1.0", RequestParameters={
                "QueueUrl": messages, "MessageBody": "${context.connectionId} says ${request.body}"})
    api.add("action", "AWS", TWO_WAY, CredentialsArn=ROLE,
            IntegrationUri="arn:aws:apigateway:us-east-1:sqs:action/SendMessage", RequestParameters={
                "integration.request.querystring.QueueUrl": f"'{messages}'",
                "integration.request.querystring.MessageBody": "route.request.body.text"})
    client = api.open()
    client.send("hello")
    assert json.loads(client.recv())["MessageId"]
    connection, said = receive(daemon, messages).split(" says ")
    assert said == "hello" and len(connection) == 16
    client.send('{"action": "action", "text": "chosen"}')
    assert json.loads(client.recv())["MessageId"]
    assert receive(daemon, messages) == "chosen"
    client.close()


def test_messages_become_events(daemon, messages):
    events = daemon.boto("events")
    arn = daemon.boto("sqs").get_queue_attributes(
        QueueUrl=messages, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="sockets", EventPattern=json.dumps({"source": ["chat"]}))
    events.put_targets(Rule="sockets", Targets=[{"Id": "1", "Arn": arn}])
    api = Api(daemon)
    api.add("tell", "AWS_PROXY", IntegrationSubtype="EventBridge-PutEvents", CredentialsArn=ROLE,
            PayloadFormatVersion="1.0", RequestParameters={
                "Detail": "$request.body.detail", "DetailType": "said", "Source": "chat"})
    whole = api.add("$default", "AWS", TWO_WAY, CredentialsArn=ROLE,
                    IntegrationUri="arn:aws:apigateway:us-east-1:events:action/PutEvents")
    api.respond(whole, "/200/", ResponseTemplates={"x": "stored"}, TemplateSelectionExpression="x")
    client = api.open()
    client.send('{"action": "tell", "detail": {"n": 1}}')
    assert json.loads(receive(daemon, messages))["detail"] == {"n": 1}
    client.send(json.dumps({"Entries": [{"Source": "chat", "DetailType": "whole", "Detail": '{"n": 2}'}]}))
    assert client.recv() == "stored"
    assert json.loads(receive(daemon, messages))["detail-type"] == "whole"
    client.send("no object")
    assert json.loads(client.recv())["message"] == "Internal server error"
    client.close()


# --- functions that get the message itself ---

def test_a_function_without_proxy_gets_the_message(daemon):
    daemon.create("plain", {"main.py": "def handler(event, context):\n"
                                       "    return {'got': event, 'statusCode': 500}\n"}, Timeout=20)
    daemon.boto("lambda").add_permission(
        FunctionName="plain", StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")
    api = Api(daemon)
    uri = ("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
           "arn:aws:lambda:us-east-1:000000000000:function:plain/invocations")
    api.add("$connect", "AWS", IntegrationUri=uri)
    api.add("$default", "AWS", TWO_WAY, IntegrationUri=uri)
    client = api.open()
    client.send('{"a": [1, 2]}')
    assert json.loads(client.recv()) == {"got": {"a": [1, 2]}, "statusCode": 500}
    client.send("no JSON")
    assert json.loads(client.recv())["message"] == "Internal server error"
    client.close()


# --- the gateway itself ---

def test_the_gateway_answers_for_a_mock(daemon):
    api = Api(daemon)
    template = {"RequestTemplates": {"200": '{"statusCode": 200}'}, "TemplateSelectionExpression": "200"}
    api.add("$connect", "MOCK", **template)
    pong = api.add("ping", "MOCK", TWO_WAY, **template)
    api.respond(pong, "/200/", ResponseTemplates={"$default": '{"pong": 1}'})
    api.add("quiet", "MOCK", **template)
    api.add("strict", "MOCK", TWO_WAY, PassthroughBehavior="NEVER",
            RequestTemplates={"a": '{"statusCode": 200}'},
            TemplateSelectionExpression="$request.body.kind")
    client = api.open()
    client.send('{"action": "quiet"}')
    client.send('{"action": "ping"}')
    assert json.loads(client.recv()) == {"pong": 1}
    client.send('{"action": "strict", "kind": "b"}')
    assert json.loads(client.recv())["message"] == "Internal server error"
    client.close()


def test_a_mock_refuses_clients(daemon):
    api = Api(daemon)
    api.add("$connect", "MOCK", RequestTemplates={"$default": '{"statusCode": 403}'})
    with pytest.raises(websocket.WebSocketBadStatusException) as caught:
        api.open()
    assert caught.value.status_code == 403


# --- what is refused when it is made ---

def test_what_cannot_be_served_is_refused_when_it_is_made(daemon, upstream):
    api = Api(daemon)
    http_proxy = {"IntegrationType": "HTTP_PROXY", "IntegrationMethod": "POST", "IntegrationUri": upstream}
    aws = {"IntegrationType": "AWS", "CredentialsArn": ROLE}
    assert "{\"statusCode\": NUMBER}" in api.refused(
        IntegrationType="MOCK", RequestTemplates={"a": '{"statusCode": "a"}'})
    assert "templates (VTL) are not run" in api.refused(
        IntegrationType="MOCK", RequestTemplates={"a": '{"statusCode": $input.path("$.s")}'})
    assert "append:header.x" in api.refused(**http_proxy, RequestParameters={"append:header.x": "'1'"})
    assert "dynamodb" in api.refused(
        **aws, IntegrationUri="arn:aws:apigateway:us-east-1:dynamodb:action/PutItem")
    assert "no parameter 'Nothing'" in api.refused(
        **aws, IntegrationUri="arn:aws:apigateway:us-east-1:sqs:action/SendMessage",
        RequestParameters={"integration.request.querystring.Nothing": "'1'"})
    integration = api.client.create_integration(ApiId=api.id, **http_proxy)["IntegrationId"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        api.respond(integration, "/(200|201)/")
    assert "integrationResponseKey" in str(caught.value)


@pytest.mark.parametrize("subtype, title", [
    ("AppConfig-GetConfiguration", "AppConfig"), ("Kinesis-PutRecord", "Kinesis"),
    ("StepFunctions-StartExecution", "Step Functions"), ("StepFunctions-StartSyncExecution", "Step Functions"),
    ("StepFunctions-StopExecution", "Step Functions"), ("SQS-Nothing", "unknown")])
@pytest.mark.parametrize("protocol", ["HTTP", "WEBSOCKET"])
def test_services_that_are_not_there_are_named(daemon, protocol, subtype, title):
    client = daemon.boto("apigatewayv2")
    more = {"RouteSelectionExpression": "$request.body.a"} if protocol == "WEBSOCKET" else {}
    api = client.create_api(Name="x", ProtocolType=protocol, **more)["ApiId"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.create_integration(ApiId=api, IntegrationType="AWS_PROXY", IntegrationSubtype=subtype,
                                  CredentialsArn=ROLE, PayloadFormatVersion="1.0",
                                  RequestParameters={"StreamName": "s"})
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert title in error["Error"]["Message"] and "SQS-SendMessage" in error["Error"]["Message"]


def test_an_import_names_services_that_are_not_there(daemon):
    document = {"openapi": "3.0.1", "info": {"title": "x", "version": "1"}, "paths": {"/put": {"post": {
        "x-amazon-apigateway-integration": {
            "type": "aws_proxy", "integrationSubtype": "Kinesis-PutRecord", "credentials": ROLE,
            "requestParameters": {"StreamName": "s", "Data": "$request.body", "PartitionKey": "k"},
            "payloadFormatVersion": "1.0", "connectionType": "INTERNET"}}}}}
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        daemon.boto("apigatewayv2").import_api(Body=json.dumps(document))
    assert "Kinesis" in caught.value.response["Error"]["Message"]
