# SPDX-License-Identifier: Apache-2.0
"""Access logs of stages of WebSocket APIs: a line for each thing that happens to a connection."""
import json
import urllib.parse

import pytest
import websocket

from evoke_daemon import wait_until

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"
FORMAT = json.dumps({name.replace(".", "_"): f"$context.{name}" for name in (
    "eventType", "connectionId", "connectedAt", "messageId", "requestId", "extendedRequestId", "routeKey",
    "status", "requestTime", "requestTimeEpoch", "stage", "apiId", "domainName", "error.message",
    "error.responseType", "integration.status", "integration.integrationStatus", "integration.error",
    "integration.requestId", "integration.latency", "identity.sourceIp", "identity.userAgent",
    "authorizer.principalId", "authorizer.role", "authorizer.error", "authenticate.status")})
HANDLER = """
def handler(event, context):
    at = event["requestContext"]
    if at["routeKey"] == "$connect":
        return {"statusCode": int(event["queryStringParameters"].get("status", 200))}
    if at["routeKey"] == "bad":
        raise ValueError("no")
    return {"statusCode": 201, "body": "hello"}
"""
AUTHORIZER = """
def handler(event, context):
    allow = event["queryStringParameters"]["token"] == "right"
    return {"principalId": "ann", "context": {"role": "r\\"1"}, "policyDocument": {"Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Resource": "*",
                           "Effect": "Allow" if allow else "Deny"}]}}
"""


@pytest.fixture
def lines(daemon):
    """The lines of a log group, once there are so many."""
    def read(group, count):
        logs = daemon.boto("logs")

        def messages():
            if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                return []
            return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]
        wait_until(lambda: len(messages()) >= count, f"{count} lines")
        told = [json.loads(line) for line in messages()]
        assert len(told) == count, told
        return told
    return read


def make_api(daemon, group, name, **connect):
    client = daemon.boto("apigatewayv2")
    daemon.create(name, {"main.py": HANDLER}, Timeout=20)
    daemon.boto("lambda").add_permission(FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
                                         Principal="apigateway.amazonaws.com")
    api = client.create_api(Name="logged", ProtocolType="WEBSOCKET",
                            RouteSelectionExpression="$request.body.action")["ApiId"]
    target = "integrations/" + client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY",
        IntegrationUri=f"arn:aws:lambda:us-east-1:000000000000:function:{name}")["IntegrationId"]
    mock = "integrations/" + client.create_integration(
        ApiId=api, IntegrationType="MOCK", RequestTemplates={"$default": '{"statusCode": 202}'})["IntegrationId"]
    for key in ("$connect", "$disconnect", "good", "bad"):
        client.create_route(ApiId=api, RouteKey=key, Target=target, RouteResponseSelectionExpression="$default",
                            **(connect if key == "$connect" else {}))
    client.create_route(ApiId=api, RouteKey="mock", Target=mock)
    client.create_stage(ApiId=api, StageName="dev", AutoDeploy=True,
                        AccessLogSettings={"DestinationArn": ARN + group, "Format": FORMAT})
    return client, api


def url_of(daemon, api, query):
    return f"ws://{urllib.parse.urlsplit(daemon.gateway).netloc}/apis/{api}/dev{query}"


def test_each_event_is_a_line(daemon, lines):
    _, api = make_api(daemon, "/sockets/events", "events")
    client = websocket.create_connection(url_of(daemon, api, "?a=b"), timeout=60, header=['User-Agent: a"b'])
    client.send('{"action": "good"}')
    assert client.recv() == "hello"
    client.send('{"action": "bad"}')
    client.recv()
    client.send('{"action": "mock"}')
    client.send("nothing")
    assert json.loads(client.recv())["message"] == "Forbidden"
    client.close()
    told = lines("/sockets/events", 6)
    by_route = {line["routeKey"]: line for line in told}
    assert set(by_route) == {"$connect", "$disconnect", "good", "bad", "mock", "-"}
    connect, gone, good, bad, mock, lost = (by_route[key] for key in (
        "$connect", "$disconnect", "good", "bad", "mock", "-"))
    assert len({line["connectionId"] for line in told}) == 1 and len(good["connectionId"]) == 16
    assert len({line["connectedAt"] for line in told}) == 1
    assert len({line["requestId"] for line in told}) == 6
    for line in told:
        assert line["requestId"] == line["extendedRequestId"]
        assert (line["stage"], line["apiId"], line["identity_sourceIp"]) == ("dev", api, "127.0.0.1")
        assert line["identity_userAgent"] == 'a"b'
        assert int(line["connectedAt"]) <= int(line["requestTimeEpoch"])
        assert line["authorizer_error"] == line["authenticate_status"] == line["authorizer_role"] == "-"
    assert (connect["eventType"], connect["status"], connect["messageId"]) == ("CONNECT", "200", "-")
    assert (gone["eventType"], gone["status"], gone["messageId"]) == ("DISCONNECT", "201", "-")
    assert (good["eventType"], good["status"], good["messageId"]) == ("MESSAGE", "201", good["requestId"])
    assert good["integration_status"] == "201" and good["integration_integrationStatus"] == "200"
    assert good["integration_requestId"] != "-" and int(good["integration_latency"]) >= 0
    assert (bad["status"], bad["error_message"]) == ("500", "Internal server error")
    assert bad["error_responseType"] == "INTEGRATION_FAILURE"
    assert bad["integration_error"] == "the function failed" and bad["integration_status"] == "-"
    assert (mock["status"], mock["integration_latency"]) == ("202", "-")
    assert (lost["status"], lost["error_message"], lost["eventType"]) == ("403", "Forbidden", "MESSAGE")


def test_refused_clients_and_who_was_let_in(daemon, lines):
    client, api = make_api(daemon, "/sockets/refused", "refused")
    daemon.create("authorizer", {"main.py": AUTHORIZER}, Timeout=20)
    daemon.boto("lambda").add_permission(FunctionName="authorizer", StatementId="api",
                                         Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    authorizer = client.create_authorizer(
        ApiId=api, Name="a", AuthorizerType="REQUEST", IdentitySource=["route.request.querystring.token"],
        AuthorizerUri="arn:aws:lambda:us-east-1:000000000000:function:authorizer")["AuthorizerId"]
    route, = [one["RouteId"] for one in client.get_routes(ApiId=api)["Items"] if one["RouteKey"] == "$connect"]
    client.update_route(ApiId=api, RouteId=route, AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    for query, status in (("", 401), ("?token=wrong", 403), ("?token=right&status=418", 418)):
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            websocket.create_connection(url_of(daemon, api, query), timeout=60)
        assert caught.value.status_code == status
    told = {line["status"]: line for line in lines("/sockets/refused", 3)}
    assert set(told) == {"401", "403", "418"}
    assert {line["eventType"] for line in told.values()} == {"CONNECT"}
    assert told["401"]["error_message"] == "Unauthorized" and told["401"]["connectionId"] == "-"
    assert told["418"]["connectionId"] != "-" and told["418"]["authorizer_principalId"] == "ann"

    # What is said of who came is still known when the client has gone.
    socket = websocket.create_connection(url_of(daemon, api, "?token=right"), timeout=60)
    socket.close()
    two = lines("/sockets/refused", 5)[3:]
    assert {line["eventType"] for line in two} == {"CONNECT", "DISCONNECT"}
    assert {(line["authorizer_principalId"], line["authorizer_role"]) for line in two} == {("ann", 'r"1')}


def test_clients_that_nobody_is_asked_about_are_told_too(daemon, lines):
    client = daemon.boto("apigatewayv2")
    api = client.create_api(Name="bare", ProtocolType="WEBSOCKET",
                            RouteSelectionExpression="$request.body.action")["ApiId"]
    client.create_stage(ApiId=api, StageName="dev", AutoDeploy=True,
                        AccessLogSettings={"DestinationArn": ARN + "/sockets/bare", "Format": FORMAT})
    mock = client.create_integration(ApiId=api, IntegrationType="MOCK")["IntegrationId"]
    client.create_route(ApiId=api, RouteKey="x", Target="integrations/" + mock)
    websocket.create_connection(url_of(daemon, api, ""), timeout=60).close()
    assert [(line["eventType"], line["routeKey"], line["status"]) for line in lines("/sockets/bare", 2)] == [
        ("CONNECT", "$connect", "200"), ("DISCONNECT", "$disconnect", "200")]
