# SPDX-License-Identifier: Apache-2.0
"""The control API of API Gateway: what it keeps, lists and refuses, by boto3."""
import botocore.exceptions
import pytest

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:nobody"


@pytest.fixture
def client(daemon):
    return daemon.boto("apigatewayv2")


@pytest.fixture
def api(client):
    made = client.create_api(Name="pets", ProtocolType="HTTP")["ApiId"]
    yield made
    client.delete_api(ApiId=made)


@pytest.fixture
def chat(client):
    made = client.create_api(Name="chat", ProtocolType="WEBSOCKET",
                             RouteSelectionExpression="$request.body.action")["ApiId"]
    yield made
    client.delete_api(ApiId=made)


def refused(call, *arguments, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*arguments, **keywords)
    response = caught.value.response
    return (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"],
            response["Error"]["Message"])


def members(answer):
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def integrate(client, api, **more):
    return client.create_integration(**{
        "ApiId": api, "IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION,
        "PayloadFormatVersion": "2.0", **more})["IntegrationId"]


# --- APIs ---

def test_an_api_shows_its_defaults(client, api):
    shown = members(client.get_api(ApiId=api))
    created = shown.pop("CreatedDate")
    assert created.year >= 2026
    endpoint = shown.pop("ApiEndpoint")
    assert endpoint.startswith(f"http://{api}.localhost:")
    assert len(api) == 10 and api.isalnum() and api.islower()
    assert shown == {
        "ApiId": api, "Name": "pets", "ProtocolType": "HTTP", "Tags": {},
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "DisableExecuteApiEndpoint": False,
        "RouteSelectionExpression": "$request.method $request.path"}


def test_an_api_is_changed_and_deleted(client):
    api = client.create_api(
        Name="a", ProtocolType="HTTP", Description="first", Version="1", Tags={"team": "x"},
        CorsConfiguration={"AllowOrigins": ["https://a.example"], "MaxAge": 60})["ApiId"]
    client.update_api(ApiId=api, Name="b", Description="",
                      CorsConfiguration={"AllowOrigins": ["*"]})
    shown = client.get_api(ApiId=api)
    assert shown["Name"] == "b" and "Description" not in shown and shown["Version"] == "1"
    assert shown["CorsConfiguration"] == {"AllowOrigins": ["*"]} and shown["Tags"] == {"team": "x"}
    client.delete_cors_configuration(ApiId=api)
    assert "CorsConfiguration" not in client.get_api(ApiId=api)
    client.delete_api(ApiId=api)
    assert refused(client.get_api, ApiId=api) == (
        "NotFoundException", 404, f"Invalid API identifier specified {api}")


def test_apis_are_listed_in_pages(client):
    made = {client.create_api(Name=f"page{i}", ProtocolType="HTTP")["ApiId"] for i in range(5)}
    seen, pages = [], 0
    for page in client.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 2}):
        assert len(page["Items"]) <= 2
        seen += [item["ApiId"] for item in page["Items"]]
        pages += 1
    assert made <= set(seen) and len(seen) == len(set(seen)) and pages >= 3
    for one in made:
        client.delete_api(ApiId=one)


def test_what_an_api_may_not_be_is_told(client):
    assert refused(client.create_api, Name="x", ProtocolType="WEBSOCKET")[:2] == (
        "BadRequestException", 400)
    assert refused(client.create_api, Name="x", ProtocolType="HTTP", CorsConfiguration={
        "AllowOrigins": ["*"], "AllowCredentials": True}) == (
            "BadRequestException", 400,
            "allow-credentials is not supported if 'allow-origin' is *")
    assert refused(client.create_api, Name="x", ProtocolType="REST") == (
        "BadRequestException", 400, "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]")
    assert "routeSelectionExpression" in refused(
        client.create_api, Name="x", ProtocolType="HTTP",
        RouteSelectionExpression="$request.body.x")[2].replace("Route", "route")


def test_quick_create_makes_everything(client):
    api = client.create_api(Name="quick", ProtocolType="HTTP", Target=FUNCTION)["ApiId"]
    [integration] = client.get_integrations(ApiId=api)["Items"]
    [route] = client.get_routes(ApiId=api)["Items"]
    [stage] = client.get_stages(ApiId=api)["Items"]
    assert integration["ApiGatewayManaged"] and route["ApiGatewayManaged"]
    assert integration["IntegrationUri"] == FUNCTION
    assert integration["PayloadFormatVersion"] == "2.0"
    assert route["RouteKey"] == "$default"
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    assert stage["StageName"] == "$default" and stage["AutoDeploy"]
    deployment = client.get_deployment(ApiId=api, DeploymentId=stage["DeploymentId"])
    assert deployment["AutoDeployed"] and deployment["DeploymentStatus"] == "DEPLOYED"
    client.update_api(ApiId=api, Target="https://example.com", RouteKey="GET /x")
    assert client.get_routes(ApiId=api)["Items"][0]["RouteKey"] == "GET /x"
    assert client.get_integrations(ApiId=api)["Items"][0]["IntegrationType"] == "HTTP_PROXY"
    client.delete_api(ApiId=api)


# --- routes ---

def test_routes_are_kept(client, api):
    integration = integrate(client, api)
    route = client.create_route(ApiId=api, RouteKey="GET /pets/{id}",
                                Target=f"integrations/{integration}", OperationName="getPet")
    assert members(route) == {
        "ApiKeyRequired": False, "AuthorizationType": "NONE", "OperationName": "getPet",
        "RouteId": route["RouteId"], "RouteKey": "GET /pets/{id}",
        "Target": f"integrations/{integration}"}
    assert route["ResponseMetadata"]["HTTPStatusCode"] == 201
    changed = client.update_route(ApiId=api, RouteId=route["RouteId"], RouteKey="ANY /{proxy+}",
                                  ApiKeyRequired=True, AuthorizationType="AWS_IAM")
    assert changed["RouteKey"] == "ANY /{proxy+}" and changed["ApiKeyRequired"]
    assert client.get_route(ApiId=api, RouteId=route["RouteId"])["AuthorizationType"] == "AWS_IAM"
    client.delete_route(ApiId=api, RouteId=route["RouteId"])
    assert client.get_routes(ApiId=api)["Items"] == []


@pytest.mark.parametrize("key", ["get /a", "GET a", "GET /a/", "GET /{a+}/b", "TRACE /", "GET /a{b}"])
def test_a_wrong_route_key_is_refused(client, api, key):
    assert refused(client.create_route, ApiId=api, RouteKey=key)[:2] == ("BadRequestException", 400)


def test_route_keys_are_unique(client, api):
    client.create_route(ApiId=api, RouteKey="$default")
    assert refused(client.create_route, ApiId=api, RouteKey="$default") == (
        "ConflictException", 409, "Route with key $default already exists for this API")


def test_a_target_must_be_there(client, api):
    assert refused(client.create_route, ApiId=api, RouteKey="GET /",
                   Target="integrations/nothing")[:2] == ("BadRequestException", 400)


def test_an_integration_in_use_stays(client, api):
    integration = integrate(client, api)
    route = client.create_route(ApiId=api, RouteKey="GET /", Target=f"integrations/{integration}")
    assert refused(client.delete_integration, ApiId=api, IntegrationId=integration)[:2] == (
        "ConflictException", 409)
    client.delete_route(ApiId=api, RouteId=route["RouteId"])
    client.delete_integration(ApiId=api, IntegrationId=integration)


# --- integrations ---

def test_parameters_are_merged_and_taken_away(client, api):
    integration = integrate(
        client, api, RequestParameters={"append:header.a": "1", "overwrite:path": "/x"},
        ResponseParameters={"200": {"append:header.b": "2"}, "404": {"overwrite:statuscode": "200"}})
    client.update_integration(ApiId=api, IntegrationId=integration,
                              RequestParameters={"append:header.a": "", "remove:header.c": "''"},
                              ResponseParameters={"200": {}, "500": {"append:header.e": "5"}})
    shown = client.get_integration(ApiId=api, IntegrationId=integration)
    assert shown["RequestParameters"] == {"overwrite:path": "/x", "remove:header.c": "''"}
    changed = client.update_integration(ApiId=api, IntegrationId=integration,
                                        RequestParameters={"remove:header.c": ""})
    assert changed["RequestParameters"] == {"overwrite:path": "/x"}
    assert shown["ResponseParameters"] == {"404": {"overwrite:statuscode": "200"},
                                           "500": {"append:header.e": "5"}}
    assert shown["TimeoutInMillis"] == 30000 and shown["ConnectionType"] == "INTERNET"


@pytest.mark.parametrize("wrong", [
    {"PayloadFormatVersion": "3.0"}, {"IntegrationUri": "arn:aws:s3:::bucket"},
    {"IntegrationType": "MOCK"}, {"TimeoutInMillis": 30001}, {"ConnectionType": "VPC_LINK"},
    {"IntegrationType": "HTTP_PROXY", "IntegrationUri": "ftp://x", "PayloadFormatVersion": "1.0"},
    {"IntegrationSubtype": "SQS-SendMessage", "PayloadFormatVersion": "1.0"},
])
def test_a_wrong_integration_is_refused(client, api, wrong):
    assert refused(integrate, client, api, **wrong)[:2] == ("BadRequestException", 400)


# --- authorizers ---

def test_authorizers_are_kept(client, api):
    jwt = client.create_authorizer(
        ApiId=api, Name="jwt", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Issuer": "https://issuer.example", "Audience": ["me"]})
    function = client.create_authorizer(
        ApiId=api, Name="function", AuthorizerType="REQUEST", AuthorizerUri=FUNCTION,
        AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True,
        IdentitySource=["$request.header.Authorization"])
    assert function["AuthorizerResultTtlInSeconds"] == 300
    route = client.create_route(ApiId=api, RouteKey="GET /", AuthorizationType="JWT",
                                AuthorizerId=jwt["AuthorizerId"], AuthorizationScopes=["read"])
    assert route["AuthorizationScopes"] == ["read"]
    assert refused(client.delete_authorizer, ApiId=api, AuthorizerId=jwt["AuthorizerId"])[:2] == (
        "ConflictException", 409)
    assert refused(client.update_route, ApiId=api, RouteId=route["RouteId"],
                   AuthorizerId=function["AuthorizerId"])[0] == "BadRequestException"
    assert refused(client.update_route, ApiId=api, RouteId=route["RouteId"],
                   AuthorizerId="absent") == (
                       "NotFoundException", 404, "Invalid Authorizer identifier specified absent")
    shown = client.update_authorizer(ApiId=api, AuthorizerId=function["AuthorizerId"], Name="other",
                                     AuthorizerResultTtlInSeconds=0)
    assert shown["Name"] == "other" and shown["AuthorizerResultTtlInSeconds"] == 0


@pytest.mark.parametrize("wrong", [
    {"IdentitySource": []}, {"IdentitySource": ["header.x"]},
    {"JwtConfiguration": {"Issuer": "issuer"}}, {"AuthorizerType": "REQUEST"},
])
def test_a_wrong_authorizer_is_refused(client, api, wrong):
    assert refused(client.create_authorizer, **{
        "ApiId": api, "Name": "x", "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Issuer": "https://x"}, **wrong})[:2] == ("BadRequestException", 400)


# --- stages and deployments ---

def test_a_stage_serves_a_deployment(client, api):
    client.create_route(ApiId=api, RouteKey="GET /")
    stage = client.create_stage(ApiId=api, StageName="dev", StageVariables={"a": "b"})
    assert stage["DefaultRouteSettings"] == {"DetailedMetricsEnabled": False}
    assert stage["RouteSettings"] == {} and "DeploymentId" not in stage
    first = client.create_deployment(ApiId=api, StageName="dev", Description="one")
    second = client.create_deployment(ApiId=api)
    assert client.get_stage(ApiId=api, StageName="dev")["DeploymentId"] == first["DeploymentId"]
    client.update_stage(ApiId=api, StageName="dev", DeploymentId=second["DeploymentId"])
    client.delete_deployment(ApiId=api, DeploymentId=first["DeploymentId"])
    assert refused(client.delete_deployment, ApiId=api, DeploymentId=second["DeploymentId"])[0] == (
        "BadRequestException")
    changed = client.update_deployment(ApiId=api, DeploymentId=second["DeploymentId"],
                                       Description="two")
    assert changed["Description"] == "two"
    assert [one["DeploymentId"] for one in client.get_deployments(ApiId=api)["Items"]] == [
        second["DeploymentId"]]


def test_variables_of_a_stage_are_merged_and_taken_away(client, api):
    client.create_stage(ApiId=api, StageName="dev", StageVariables={"a": "1", "b": "2", "c": ""})
    changed = client.update_stage(ApiId=api, StageName="dev",
                                  StageVariables={"a": "", "b": "3", "d": "4"})
    assert changed["StageVariables"] == {"b": "3", "d": "4"}
    assert client.update_stage(ApiId=api, StageName="dev", Description="x")[
        "StageVariables"] == {"b": "3", "d": "4"}


def test_parameters_of_a_route_join_those_there_are(client):
    api = client.create_api(Name="chat", ProtocolType="WEBSOCKET",
                            RouteSelectionExpression="$request.body.action")["ApiId"]
    route = client.create_route(ApiId=api, RouteKey="$connect", RequestParameters={
        "route.request.querystring.a": {"Required": True},
        "route.request.header.b": {"Required": False}})["RouteId"]
    changed = client.update_route(ApiId=api, RouteId=route, RequestParameters={
        "route.request.header.b": {"Required": True}, "route.request.header.c": {"Required": True}})
    assert changed["RequestParameters"] == {
        "route.request.querystring.a": {"Required": True},
        "route.request.header.b": {"Required": True}, "route.request.header.c": {"Required": True}}
    client.delete_route_request_parameter(
        ApiId=api, RouteId=route, RequestParameterKey="route.request.querystring.a")
    assert set(client.get_route(ApiId=api, RouteId=route)["RequestParameters"]) == {
        "route.request.header.b", "route.request.header.c"}
    client.delete_api(ApiId=api)


def test_a_stage_deploys_by_itself(client, api):
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    before = client.get_stage(ApiId=api, StageName="$default")["DeploymentId"]
    client.create_route(ApiId=api, RouteKey="GET /")
    after = client.get_stage(ApiId=api, StageName="$default")["DeploymentId"]
    assert before != after
    assert len(client.get_deployments(ApiId=api)["Items"]) == 1, "what nobody serves goes"
    assert refused(client.create_deployment, ApiId=api, StageName="$default")[0] == (
        "BadRequestException")


def test_settings_of_stages_are_taken_away(client, api):
    client.create_route(ApiId=api, RouteKey="GET /a/{b}")
    client.create_stage(
        ApiId=api, StageName="dev", RouteSettings={"GET /a/{b}": {"ThrottlingRateLimit": 1.5}})
    settings = {"DestinationArn": "arn:aws:logs:us-east-1:000000000000:log-group:x",
                "Format": "$context.requestId"}
    client.update_stage(ApiId=api, StageName="dev", AccessLogSettings=settings)
    assert client.get_stage(ApiId=api, StageName="dev")["AccessLogSettings"] == settings
    for wrong, says in (({"Format": "$context.none"}, "$context.none"),
                        ({"DestinationArn": "arn:aws:firehose:us-east-1:0:x"}, "log group")):
        code, _, text = refused(client.update_stage, ApiId=api, StageName="dev",
                                AccessLogSettings={**settings, **wrong})
        assert code == "BadRequestException" and says in text
    client.delete_access_log_settings(ApiId=api, StageName="dev")
    assert "AccessLogSettings" not in client.get_stage(ApiId=api, StageName="dev")
    assert client.get_stage(ApiId=api, StageName="dev")["RouteSettings"] == {
        "GET /a/{b}": {"ThrottlingRateLimit": 1.5}}
    assert refused(client.update_stage, ApiId=api, StageName="dev",
                   RouteSettings={"GET /nothing": {}})[2] == (
                       "Unable to find Route by key GET /nothing within the provided RouteSettings")
    client.delete_route_settings(ApiId=api, StageName="dev", RouteKey="GET /a/{b}")
    client.delete_access_log_settings(ApiId=api, StageName="dev")
    shown = client.get_stage(ApiId=api, StageName="dev")
    assert shown["RouteSettings"] == {} and "AccessLogSettings" not in shown
    client.reset_authorizers_cache(ApiId=api, StageName="dev")
    client.delete_stage(ApiId=api, StageName="dev")
    assert refused(client.get_stage, ApiId=api, StageName="dev")[:2] == ("NotFoundException", 404)


# --- WebSocket APIs ---

def test_websocket_apis_have_responses_and_models(client, chat):
    assert client.get_api(ApiId=chat)["ApiEndpoint"].startswith(f"ws://{chat}.localhost:")
    model = client.create_model(ApiId=chat, Name="Message", Schema='{"type": "object"}')
    assert model["ContentType"] == "application/json"
    integration = integrate(client, chat, PayloadFormatVersion="1.0")
    assert client.get_integration(ApiId=chat, IntegrationId=integration)["TimeoutInMillis"] == 29000
    route = client.create_route(
        ApiId=chat, RouteKey="send", Target=f"integrations/{integration}",
        RequestModels={"$default": "Message"}, ModelSelectionExpression="$default",
        RouteResponseSelectionExpression="$default")["RouteId"]
    response = client.create_route_response(ApiId=chat, RouteId=route, RouteResponseKey="$default")
    assert refused(client.create_route_response, ApiId=chat, RouteId=route,
                   RouteResponseKey="$default")[0] == "ConflictException"
    assert members(client.get_route_response(
        ApiId=chat, RouteId=route, RouteResponseId=response["RouteResponseId"])) == members(response)
    of_integration = client.create_integration_response(
        ApiId=chat, IntegrationId=integration, IntegrationResponseKey="/4\\d\\d/",
        ResponseTemplates={"x": "y"})["IntegrationResponseId"]
    client.update_integration_response(
        ApiId=chat, IntegrationId=integration, IntegrationResponseId=of_integration,
        TemplateSelectionExpression="x")
    assert len(client.get_integration_responses(
        ApiId=chat, IntegrationId=integration)["Items"]) == 1
    client.delete_integration_response(ApiId=chat, IntegrationId=integration,
                                       IntegrationResponseId=of_integration)
    client.delete_route(ApiId=chat, RouteId=route)
    assert refused(client.get_route_responses, ApiId=chat, RouteId=route)[0] == "NotFoundException"
    assert refused(client.create_route, ApiId=chat, RouteKey="x", AuthorizationType="AWS_IAM")[2] == (
        "Currently, authorization is restricted to the $connect route")


# --- domain names ---

def test_domain_names_have_mappings(client, api):
    client.create_stage(ApiId=api, StageName="dev")
    domain = client.create_domain_name(DomainName="api.example.com", Tags={"a": "b"},
                                       DomainNameConfigurations=[{"EndpointType": "REGIONAL"}])
    assert domain["DomainNameConfigurations"][0]["DomainNameStatus"] == "AVAILABLE"
    assert refused(client.create_domain_name, DomainName="api.example.com")[:2] == (
        "ConflictException", 409)
    mapping = client.create_api_mapping(DomainName="api.example.com", ApiId=api, Stage="dev",
                                        ApiMappingKey="v1/pets")
    assert refused(client.create_api_mapping, DomainName="api.example.com", ApiId=api, Stage="dev",
                   ApiMappingKey="v1/pets")[0] == "ConflictException"
    assert refused(client.create_api_mapping, DomainName="api.example.com", ApiId=api,
                   Stage="absent")[0] == "BadRequestException"
    assert refused(client.delete_stage, ApiId=api, StageName="dev")[0] == "BadRequestException"
    changed = client.update_api_mapping(DomainName="api.example.com", ApiId=api,
                                        ApiMappingId=mapping["ApiMappingId"], ApiMappingKey="")
    assert changed["ApiMappingKey"] == ""
    assert len(client.get_api_mappings(DomainName="api.example.com")["Items"]) == 1
    client.delete_api_mapping(DomainName="api.example.com", ApiMappingId=mapping["ApiMappingId"])
    assert "api.example.com" in [one["DomainName"] for one in client.get_domain_names()["Items"]]
    client.update_domain_name(DomainName="api.example.com",
                              DomainNameConfigurations=[{"SecurityPolicy": "TLS_1_2"}])
    client.delete_domain_name(DomainName="api.example.com")
    assert refused(client.get_domain_name, DomainName="api.example.com")[0] == "NotFoundException"


# --- tags ---


def test_keys_of_mappings_are_checked_as_aws_does(client, api):
    client.create_stage(ApiId=api, StageName="dev")
    domain = {"DomainName": "keys.example.com"}
    client.create_domain_name(**domain)
    ends = "API mapping key should not end with a '/'."
    slashes = "API mapping key should not start with a '/' or have consecutive '/'s."
    letters = ("An API mapping key may contain only letters, numbers and one of $-_.+!*'(), "
               "characters.")
    for key, why in (("/", ends), ("a/", ends), ("/a", slashes), ("a//b", slashes), (" a", letters),
                     ("a~b", letters),
                     ("a" * 301, "ApiMapping key length must be under 300 characters.")):
        # The key is looked at before the stage.
        assert refused(client.create_api_mapping, **domain, ApiId=api, Stage="absent",
                       ApiMappingKey=key) == ("BadRequestException", 400, why)
    for key, kept in (("a,b$", "a,b$"), ("a" * 300, "a" * 300), ("   ", "")):
        mapping = client.create_api_mapping(**domain, ApiId=api, Stage="dev", ApiMappingKey=key)
        assert mapping["ApiMappingKey"] == kept
    for key, why in (("  ", slashes), ("/", ends)):
        assert refused(client.update_api_mapping, **domain, ApiId=api,
                       ApiMappingId=mapping["ApiMappingId"], ApiMappingKey=key)[2] == why
    client.delete_domain_name(**domain)


def test_domain_names_are_regional(client):
    def configured(kind):
        return {"DomainName": "regional.example.com",
                "DomainNameConfigurations": [{"EndpointType": kind}]}

    edge = "EDGE endpoint type is not supported for APIGatewayV2 domainName"
    assert refused(client.create_domain_name, **configured("EDGE"))[2] == edge
    for act, kind in ((client.create_domain_name, "PRIVATE"), (client.update_domain_name, "FOO")):
        told = act(**configured(kind))["DomainNameConfigurations"]
        assert [one["EndpointType"] for one in told] == ["REGIONAL"]
    assert refused(client.update_domain_name, **configured("EDGE"))[2] == edge


def test_apis_and_stages_have_tags(client, api):
    client.create_stage(ApiId=api, StageName="dev", Tags={"a": "1"})
    arn = f"arn:aws:apigateway:us-east-1::/apis/{api}"
    for resource in (arn, f"{arn}/stages/dev"):
        client.tag_resource(ResourceArn=resource, Tags={"b": "2", "c": "3"})
        client.untag_resource(ResourceArn=resource, TagKeys=["c"])
    assert client.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert client.get_stage(ApiId=api, StageName="dev")["Tags"] == {"a": "1", "b": "2"}
    assert refused(client.get_tags, ResourceArn=f"{arn}x")[0] == "NotFoundException"


# --- the rest ---

def test_what_is_not_served_is_told(client):
    code, status, message = refused(client.create_vpc_link, Name="x", SubnetIds=["s"])
    assert (code, status) == ("NotImplementedException", 501) and "CreateVpcLink" in message


def test_everything_is_there_after_a_restart(make_daemon):
    daemon = make_daemon()
    client = daemon.boto("apigatewayv2")
    api = client.create_api(Name="kept", ProtocolType="HTTP", Target=FUNCTION)["ApiId"]
    client.create_domain_name(DomainName="kept.example.com")
    client.create_api_mapping(DomainName="kept.example.com", ApiId=api, Stage="$default")
    before = [members(client.get_api(ApiId=api)), client.get_routes(ApiId=api)["Items"],
              client.get_stages(ApiId=api)["Items"], client.get_deployments(ApiId=api)["Items"],
              client.get_api_mappings(DomainName="kept.example.com")["Items"]]
    daemon.stop()
    daemon.start()
    client = daemon.boto("apigatewayv2")
    shown = members(client.get_api(ApiId=api))
    shown["ApiEndpoint"] = before[0]["ApiEndpoint"]
    assert [shown, client.get_routes(ApiId=api)["Items"],
            client.get_stages(ApiId=api)["Items"], client.get_deployments(ApiId=api)["Items"],
            client.get_api_mappings(DomainName="kept.example.com")["Items"]] == before
