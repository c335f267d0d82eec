# SPDX-License-Identifier: Apache-2.0
"""HTTP APIs as clients see them: configured by boto3, called over HTTP."""
import concurrent.futures
import json
import threading

import pytest

CODE = {"main.py": """
import json, time
def handler(event, context):
    do = (event.get("queryStringParameters") or {}).get("do")
    if do == "sleep":
        time.sleep(2)  # longer than its integration waits
    if do == "raise":
        raise ValueError("no")
    if do == "return":
        return json.loads(event["body"])
    return event
"""}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def call(daemon, path, method="GET", body=None, headers=None):
    """The response (headers of several values and all) and its body."""
    connection = daemon.connect()
    connection.request(method, path, body=body, headers=headers or {})
    response = connection.getresponse()
    return response, response.read()


@pytest.fixture(scope="module")
def function(daemon):
    daemon.create("f", CODE, Timeout=10)
    daemon.boto("lambda").add_permission(
        FunctionName="f", StatementId="gateway", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com", SourceArn="arn:aws:execute-api:us-east-1:000000000000:*")
    return ARN + "f"


@pytest.fixture(scope="module")
def gateway(daemon):
    return daemon.boto("apigatewayv2")


def make_api(gateway, function, *keys, version="2.0", stage="$default", timeout=30000, **api):
    made = gateway.create_api(Name="a", ProtocolType="HTTP", **api)["ApiId"]
    integration = gateway.create_integration(
        ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion=version,
        TimeoutInMillis=timeout)["IntegrationId"]
    gateway.create_stage(ApiId=made, StageName=stage, AutoDeploy=True,
                         StageVariables={"color": "blue"})
    for key in keys:
        gateway.create_route(ApiId=made, RouteKey=key, Target="integrations/" + integration)
    return made, integration


def test_an_api_is_served_as_soon_as_its_calls_have_returned(daemon, gateway, function):
    made, _ = make_api(gateway, function, "GET /pets/{id}", "ANY /files/{path+}")
    for path, headers in (("/pets/7", {"Host": made + ".localhost"}),
                          ("/pets/7", {"Host": made + ".execute-api.us-east-1.localhost"}),
                          (f"/apis/{made}/pets/7", None)):
        response, body = call(daemon, path, headers=headers)
        assert response.status == 200, body
        event = json.loads(body)
        assert event["routeKey"] == "GET /pets/{id}" and event["pathParameters"] == {"id": "7"}
        assert event["requestContext"]["requestId"] == response.headers["apigw-requestid"]
        assert event["stageVariables"] == {"color": "blue"}
    response, body = call(daemon, f"/apis/{made}/none")
    assert response.status == 404 and json.loads(body) == {"message": "Not Found"}
    gateway.delete_api(ApiId=made)
    response, body = call(daemon, f"/apis/{made}/pets/7")
    assert response.status == 404


def test_a_stage_without_auto_deploy_serves_its_deployment(daemon, gateway, function):
    made, integration = make_api(gateway, function, "GET /old")
    gateway.create_stage(ApiId=made, StageName="dev")
    gateway.create_deployment(ApiId=made, StageName="dev")
    gateway.create_route(ApiId=made, RouteKey="GET /new", Target="integrations/" + integration)
    assert call(daemon, f"/apis/{made}/dev/old")[0].status == 200
    assert call(daemon, f"/apis/{made}/dev/new")[0].status == 404
    assert call(daemon, f"/apis/{made}/new")[0].status == 200
    gateway.create_deployment(ApiId=made, StageName="dev")
    response, body = call(daemon, f"/apis/{made}/dev/new")
    assert response.status == 200 and json.loads(body)["rawPath"] == "/dev/new"


def test_format_1_and_its_answers(daemon, gateway, function):
    made, _ = make_api(gateway, function, "ANY /x", version="1.0")
    answer = {"statusCode": 201, "multiValueHeaders": {"X-A": ["1", "2"]}, "body": "made"}
    response, body = call(daemon, f"/apis/{made}/x?do=return", method="POST", body=json.dumps(answer),
                          headers={"Content-Type": "application/json"})
    assert response.status == 201 and body == b"made"
    assert response.headers.get_all("x-a") == ["1", "2"]
    response, body = call(daemon, f"/apis/{made}/x")
    assert response.status == 500  # an event has no statusCode, and format 1.0 infers nothing


def test_errors_are_awss(daemon, gateway, function):
    made, _ = make_api(gateway, function, "GET /f")
    response, body = call(daemon, f"/apis/{made}/f?do=raise")
    assert (response.status, json.loads(body)) == (500, {"message": "Internal Server Error"})
    made, _ = make_api(gateway, function, "GET /f", timeout=500)
    response, body = call(daemon, f"/apis/{made}/f?do=sleep")
    assert (response.status, json.loads(body)) == (503, {"message": "Service Unavailable"})
    daemon.create("closed", CODE)
    made, _ = make_api(gateway, ARN + "closed", "GET /f")
    response, body = call(daemon, f"/apis/{made}/f")
    assert (response.status, json.loads(body)) == (500, {"message": "Internal Server Error"})


def test_parameters_are_mapped(daemon, gateway, function):
    made, integration = make_api(gateway, function, "ANY /pets/{id}")
    gateway.update_integration(
        ApiId=made, IntegrationId=integration,
        RequestParameters={"append:header.x-pet": "$request.path.id", "overwrite:path": "/mapped",
                           "overwrite:querystring.stage": "${context.stage}-${stageVariables.color}"},
        ResponseParameters={"418": {"overwrite:statuscode": "200", "append:header.x-was": "teapot"}})
    response, body = call(daemon, f"/apis/{made}/pets/7")
    event = json.loads(body)
    assert event["headers"]["x-pet"] == "7" and event["rawPath"] == "/mapped"
    assert event["queryStringParameters"] == {"stage": "$default-blue"}
    response, body = call(daemon, f"/apis/{made}/pets/7?do=return", method="POST",
                          body=json.dumps({"statusCode": 418, "body": "tea"}),
                          headers={"Content-Type": "application/json"})
    assert (response.status, response.headers["x-was"], body) == (200, "teapot", b"tea")


def test_a_custom_domain(daemon, gateway, function):
    made, _ = make_api(gateway, function, "GET /pets/{id}", stage="prod")
    gateway.create_domain_name(DomainName="shop.example.com", DomainNameConfigurations=[
        {"CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/x", "EndpointType": "REGIONAL"}])
    gateway.create_api_mapping(DomainName="shop.example.com", ApiId=made, Stage="prod", ApiMappingKey="v1")
    response, body = call(daemon, "/v1/pets/3", headers={"Host": "shop.example.com"})
    assert response.status == 200 and json.loads(body)["requestContext"]["stage"] == "prod"
    assert call(daemon, "/pets/3", headers={"Host": "shop.example.com"})[0].status == 404


def test_cors_is_answered_by_the_gateway(daemon, gateway, function):
    made, _ = make_api(gateway, function, "GET /f",
                       CorsConfiguration={"AllowOrigins": ["https://a"], "AllowMethods": ["GET"]})
    response, _ = call(daemon, f"/apis/{made}/f", method="OPTIONS",
                       headers={"Origin": "https://a", "Access-Control-Request-Method": "GET"})
    assert response.status == 204
    assert response.headers["access-control-allow-origin"] == "https://a"


def test_apis_are_served_again_after_a_restart(make_daemon):
    daemon = make_daemon()
    daemon.create("f", CODE)
    daemon.boto("lambda").add_permission(FunctionName="f", StatementId="g", Action="lambda:InvokeFunction",
                                         Principal="apigateway.amazonaws.com")
    made, _ = make_api(daemon.boto("apigatewayv2"), ARN + "f", "GET /f")
    daemon.stop()
    daemon.start()
    assert call(daemon, f"/apis/{made}/f")[0].status == 200


def test_routes_are_published_under_load_without_a_failed_request(daemon, gateway, function):
    made, integration = make_api(gateway, function, "GET /kept")
    ends = threading.Event()

    def ask():
        connection, seen = daemon.connect(), set()
        while not ends.is_set():
            connection.request("GET", f"/apis/{made}/kept")
            response = connection.getresponse()
            response.read()
            seen.add(response.status)
        return seen

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for number in range(40):
                gateway.create_route(ApiId=made, RouteKey=f"GET /r{number}",
                                     Target="integrations/" + integration)
        finally:
            ends.set()
        assert set().union(*(one.result() for one in asking)) == {200}
    assert call(daemon, f"/apis/{made}/r39")[0].status == 200
