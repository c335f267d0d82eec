# SPDX-License-Identifier: Apache-2.0
"""APIs by the AWS CLI, and by `evoke apis` and `evoke gateway`."""
import json
import os
import subprocess

import pytest
import yaml

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:nobody"


@pytest.fixture
def aws(daemon):
    def run(*arguments, text=False):
        done = subprocess.run(
            ["aws", "--endpoint-url", daemon.api, "apigatewayv2", *arguments], capture_output=True,
            text=True, timeout=60, env={**os.environ, **daemon.env}, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout if text else json.loads(done.stdout or "{}")
    return run


def test_the_aws_cli_configures_everything(daemon, aws, tmp_path):
    api = aws("create-api", "--name", "shop", "--protocol-type", "HTTP",
              "--cors-configuration", "AllowOrigins=https://a.example,AllowMethods=GET")["ApiId"]
    integration = aws("create-integration", "--api-id", api, "--integration-type", "AWS_PROXY",
                      "--integration-uri", FUNCTION, "--payload-format-version", "2.0",
                      "--request-parameters", "overwrite:path=/x")["IntegrationId"]
    authorizer = aws("create-authorizer", "--api-id", api, "--name", "login", "--authorizer-type",
                     "JWT", "--identity-source", "$request.header.Authorization",
                     "--jwt-configuration", "Issuer=https://i.example,Audience=me")["AuthorizerId"]
    route = aws("create-route", "--api-id", api, "--route-key", "GET /orders/{id}", "--target",
                f"integrations/{integration}", "--authorization-type", "JWT", "--authorizer-id",
                authorizer, "--api-key-required")["RouteId"]
    aws("create-stage", "--api-id", api, "--stage-name", "$default", "--route-settings",
        '{"GET /orders/{id}": {"ThrottlingRateLimit": 5, "ThrottlingBurstLimit": 10}}')
    deployment = aws("create-deployment", "--api-id", api, "--stage-name", "$default")
    assert deployment["DeploymentStatus"] == "DEPLOYED"
    aws("delete-route-settings", "--api-id", api, "--stage-name", "$default", "--route-key",
        "GET /orders/{id}", text=True)
    aws("update-route", "--api-id", api, "--route-id", route, "--operation-name", "getOrder")
    shown = aws("get-routes", "--api-id", api)["Items"]
    assert [one["OperationName"] for one in shown] == ["getOrder"]
    document = tmp_path / "shop.yaml"
    aws("export-api", "--api-id", api, "--specification", "OAS30", "--output-type", "YAML",
        str(document), text=True)
    assert "/orders/{id}" in yaml.safe_load(document.read_text())["paths"]
    imported = aws("import-api", "--body", f"file://{document}", "--fail-on-warnings")
    assert imported["Name"] == "shop"
    aws("reimport-api", "--api-id", api, "--body", f"file://{document}")
    aws("create-domain-name", "--domain-name", "shop.example.com")
    aws("create-api-mapping", "--domain-name", "shop.example.com", "--api-id", api, "--stage",
        "$default", "--api-mapping-key", "v1")
    aws("delete-domain-name", "--domain-name", "shop.example.com", text=True)
    aws("tag-resource", "--resource-arn", f"arn:aws:apigateway:us-east-1::/apis/{api}", "--tags",
        "a=b")
    assert aws("get-api", "--api-id", api)["Tags"] == {"a": "b"}
    aws("delete-api", "--api-id", api, text=True)


def test_evoke_lists_apis_and_routes(daemon):
    client = daemon.boto("apigatewayv2")
    api = client.create_api(Name="listed", ProtocolType="HTTP", Target=FUNCTION)["ApiId"]
    assert api in daemon.run("apis").stdout and "listed" in daemon.run("apis").stdout
    assert api in daemon.run("apis", "--quiet").stdout.split()
    assert api in [one["apiId"] for one in json.loads(daemon.run("apis", "--json").stdout)]
    [route] = [one for one in json.loads(daemon.run("gateway", "routes", "--json").stdout)
               if one.get("apiId") == api]
    assert route["kind"] == "http" and route["routeKey"] == "$default"
    assert route["stage"] == "$default" and route["target"] == FUNCTION
    assert route["authorization"] == "NONE" and route["method"] == "ANY"
    assert FUNCTION in daemon.run("gateway", "routes").stdout


def test_the_table_shows_what_is_deployed(daemon):
    client = daemon.boto("apigatewayv2")
    api = client.create_api(Name="staged", ProtocolType="HTTP")["ApiId"]
    client.create_stage(ApiId=api, StageName="dev")
    client.create_route(ApiId=api, RouteKey="GET /new")

    def served():
        return [one["routeKey"] for one in
                json.loads(daemon.run("gateway", "routes", "--json").stdout)
                if one.get("apiId") == api]
    assert served() == []
    client.create_deployment(ApiId=api, StageName="dev")
    assert served() == ["GET /new"]


def test_a_guard_is_set_shown_and_taken_away(daemon, tmp_path):
    client = daemon.boto("apigatewayv2")
    api = client.create_api(Name="guarded", ProtocolType="HTTP", Target=FUNCTION,
                            RouteKey="POST /orders")["ApiId"]
    guard = tmp_path / "guard.yaml"
    guard.write_text("{}\n")
    daemon.run("gateway", "guard", api, "-", "--route", "POST /orders", input="limits: {rate: 7}\n")
    assert '"rate": 7' in daemon.run("gateway", "guard", api, "--route", "POST /orders").stdout
    daemon.run("gateway", "guard", api, str(guard), "--route", "POST /orders")
    shown = daemon.run("gateway", "guard", api, "--route", "POST /orders").stdout
    assert json.loads(shown) == {}
    exported = client.export_api(ApiId=api, Specification="OAS30", OutputType="JSON")["body"]
    assert json.loads(exported.read())["paths"]["/orders"]["post"]["x-evoke-guard"] == json.loads(
        shown)
    daemon.run("gateway", "guard", api, "--route", "POST /orders", "--remove")
    done = daemon.run("gateway", "guard", api, "--route", "POST /orders", check=False)
    assert done.returncode == 1 and "no guard" in done.stderr
    for wrong, says in (("limit: 1", "'limit'"), ("7", "an object"), ("[", "line")):
        guard.write_text(wrong)
        done = daemon.run("gateway", "guard", api, str(guard), check=False)
        assert done.returncode == 1 and says in done.stderr, done.stderr
    done = daemon.run("gateway", "guard", api, "--route", "GET /absent", check=False)
    assert "Unable to find Route" in done.stderr
