# SPDX-License-Identifier: Apache-2.0
"""What the control API answers is what the gateway serves, from that moment on."""
import json

import botocore.exceptions
import pytest

HANDLER = {"main.py": """
def handler(event, context):
    return {"route": event["routeKey"], "stage": event["requestContext"]["stage"]}
"""}


@pytest.fixture(scope="module")
def function(daemon):
    daemon.create("served", HANDLER)
    client = daemon.boto("lambda")
    client.add_permission(FunctionName="served", StatementId="gateway", Principal="apigateway.amazonaws.com",
                          Action="lambda:InvokeFunction")
    return "arn:aws:lambda:us-east-1:000000000000:function:served"


@pytest.fixture
def client(daemon):
    return daemon.boto("apigatewayv2")


def ask(daemon, api, path, method="GET"):
    response = daemon.get(path, method=method, headers={"host": f"{api}.localhost"})
    status, body = response[0], response[-1]
    return status, json.loads(body) if body else None


def test_each_change_is_served_when_it_is_answered(daemon, client, function):
    api = client.create_api(Name="served", ProtocolType="HTTP", Target=function)["ApiId"]
    for _ in range(8):  # whatever shard takes it
        assert ask(daemon, api, "/x")[1] == {"route": "$default", "stage": "$default"}
    [integration] = client.get_integrations(ApiId=api)["Items"]
    target = f"integrations/{integration['IntegrationId']}"
    for i in range(10):
        route = client.create_route(ApiId=api, RouteKey=f"GET /r{i}", Target=target)["RouteId"]
        assert ask(daemon, api, f"/r{i}")[1]["route"] == f"GET /r{i}"
        client.delete_route(ApiId=api, RouteId=route)
        assert ask(daemon, api, f"/r{i}")[1]["route"] == "$default"
    client.delete_api(ApiId=api)
    assert ask(daemon, api, "/x")[0] in (403, 404)


def test_a_head_has_its_quota(daemon, client, function):
    api = client.create_api(Name="heads", ProtocolType="HTTP", Target=function)["ApiId"]
    for bytes_, status in ((9000, 200), (10_240, 431)):
        answer = daemon.get("/x", headers={"host": f"{api}.localhost", "x-long": "a" * bytes_})
        assert answer[0] == status
    assert json.loads(answer[-1]) == {"message": "Request Header Fields Too Large"}
    client.delete_api(ApiId=api)


def test_a_stage_serves_its_deployment(daemon, client, function):
    api = client.create_api(Name="staged", ProtocolType="HTTP")["ApiId"]
    integration = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function,
        PayloadFormatVersion="2.0")["IntegrationId"]
    client.create_stage(ApiId=api, StageName="dev")
    client.create_route(ApiId=api, RouteKey="GET /a", Target=f"integrations/{integration}")
    assert ask(daemon, api, "/dev/a")[0] == 404, "nothing is deployed yet"
    first = client.create_deployment(ApiId=api, StageName="dev")["DeploymentId"]
    assert ask(daemon, api, "/dev/a")[1] == {"route": "GET /a", "stage": "dev"}
    client.create_route(ApiId=api, RouteKey="GET /b", Target=f"integrations/{integration}")
    assert ask(daemon, api, "/dev/b")[0] == 404, "it is not deployed"
    client.create_deployment(ApiId=api, StageName="dev")
    assert ask(daemon, api, "/dev/b")[0] == 200
    client.update_stage(ApiId=api, StageName="dev", DeploymentId=first)
    assert ask(daemon, api, "/dev/b")[0] == 404, "back to the first"


def test_what_cannot_be_served_is_refused_and_changes_nothing(daemon, client, function):
    api = client.create_api(Name="x", ProtocolType="HTTP", Target=function)["ApiId"]
    client.create_route(ApiId=api, RouteKey="GET /a/{x}")
    before = client.get_routes(ApiId=api)["Items"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        client.create_route(ApiId=api, RouteKey="GET /a/{y}")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 409)
    assert client.get_routes(ApiId=api)["Items"] == before


def test_apis_are_served_after_a_restart(make_daemon):
    daemon = make_daemon()
    daemon.create("served", HANDLER)
    daemon.boto("lambda").add_permission(
        FunctionName="served", StatementId="gateway", Principal="apigateway.amazonaws.com",
        Action="lambda:InvokeFunction")
    api = daemon.boto("apigatewayv2").create_api(
        Name="kept", ProtocolType="HTTP",
        Target="arn:aws:lambda:us-east-1:000000000000:function:served")["ApiId"]
    assert ask(daemon, api, "/")[0] == 200
    daemon.stop()
    daemon.start()
    assert ask(daemon, api, "/")[1] == {"route": "$default", "stage": "$default"}
