# SPDX-License-Identifier: Apache-2.0
"""OpenAPI documents become APIs, and APIs documents: import, re-import, export."""
import json
import pathlib
import subprocess
import tarfile
import urllib.request

import botocore.exceptions
import pytest
import yaml

HERE = pathlib.Path(__file__).parent / "openapi"
GITHUB = "@octokit/openapi@19.1.0"
REGISTRY = subprocess.run(["npm", "config", "get", "registry"], capture_output=True, text=True,
                          check=False).stdout.strip()


@pytest.fixture
def client(daemon):
    return daemon.boto("apigatewayv2")


def refused(call, *arguments, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*arguments, **keywords)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def every(client, what, api):
    pages = client.get_paginator(what).paginate(ApiId=api)
    return [item for page in pages for item in page["Items"]]


def keys(client, api):
    return {route["RouteKey"] for route in every(client, "get_routes", api)}


def export(client, api, kind="JSON", **more):
    body = client.export_api(ApiId=api, OutputType=kind, Specification="OAS30", **more)["body"]
    text = body.read().decode()
    document = yaml.safe_load(text) if kind == "YAML" else json.loads(text)
    document.pop("servers", None)  # its URL names the API
    return document


def check_round_trip(client, api):
    """What is exported and imported again is the same, by either format."""
    once = export(client, api)
    assert export(client, api, "YAML") == once
    for kind, text in (("JSON", json.dumps(once)), ("YAML", yaml.safe_dump(once))):
        other = client.import_api(Body=text, FailOnWarnings=True)["ApiId"]
        assert export(client, other) == once, kind
        assert keys(client, other) == keys(client, api)
        client.delete_api(ApiId=other)


def operations(document):
    methods = {"get", "put", "post", "delete", "options", "head", "patch"}
    return [(method.upper(), path) for path, item in document["paths"].items()
            for method in item if method in methods]


def test_petstore(client):
    text = (HERE / "petstore.yaml").read_text()
    made = client.import_api(Body=text)
    assert made["Name"] == "Swagger Petstore - OpenAPI 3.0" and made["Version"] == "1.0.11"
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert keys(client, made["ApiId"]) == {
        f"{method} {path}" for method, path in operations(yaml.safe_load(text))}
    assert any("'petstore_auth' (oauth2)" in warning for warning in made["Warnings"])
    assert any("parameters of 3 operations" in info for info in made["ImportInfo"])
    assert client.get_api(ApiId=made["ApiId"])["Warnings"] == made["Warnings"]
    check_round_trip(client, made["ApiId"])
    assert "petstore_auth" in refused(client.import_api, Body=text, FailOnWarnings=True)[1]


def test_every_parameter_style_and_extension(client):
    text = (HERE / "parameters.yaml").read_text()
    made = client.import_api(Body=text, FailOnWarnings=True)
    api = made["ApiId"]
    assert made["DisableExecuteApiEndpoint"] and made["Tags"] == {"team": "platform"}
    assert made["CorsConfiguration"] == {
        "AllowOrigins": ["https://a.example", "http://*"], "AllowMethods": ["GET", "POST"],
        "AllowHeaders": ["content-type", "authorization"], "ExposeHeaders": ["x-id"],
        "MaxAge": 600, "AllowCredentials": True}
    routes = {route["RouteKey"]: route for route in every(client, "get_routes", api)}
    assert set(routes) == {
        "GET /simple/{id}", "GET /label/{id}", "ANY /matrix/{id}/{rest+}", "GET /form", "PUT /form",
        "HEAD /head", "OPTIONS /head", "PATCH /head", "DELETE /head", "$default"}
    authorizers = {one["AuthorizerId"]: one for one in every(client, "get_authorizers", api)}
    simple = routes["GET /simple/{id}"]
    jwt = authorizers[simple["AuthorizerId"]]
    assert simple["AuthorizationScopes"] == ["read", "write"]
    assert jwt["JwtConfiguration"] == {"Audience": ["web", "mobile"],
                                       "Issuer": "https://issuer.example"}
    function = authorizers[routes["GET /label/{id}"]["AuthorizerId"]]
    assert function["IdentitySource"] == ["$request.header.Authorization",
                                          "$request.querystring.token"]
    assert routes["ANY /matrix/{id}/{rest+}"]["AuthorizationType"] == "AWS_IAM"
    assert routes["GET /form"]["ApiKeyRequired"] and routes["GET /form"]["AuthorizationType"] == "JWT"
    assert simple["Target"] == routes["GET /label/{id}"]["Target"], "a shared integration"
    integrations = {f"integrations/{one['IntegrationId']}": one
                    for one in every(client, "get_integrations", api)}
    assert len(integrations) == 5
    matrix = integrations[routes["ANY /matrix/{id}/{rest+}"]["Target"]]
    assert matrix["ResponseParameters"]["200"] == {"overwrite:statuscode": "203",
                                                   "append:header.x-a": "b"}
    check_round_trip(client, api)
    plain = json.dumps(export(client, api, IncludeExtensions=False))
    assert "x-amazon" not in plain and "x-evoke" not in plain and "/form" in plain


@pytest.fixture(scope="session")
def github(tmp_path_factory):
    """GitHub's own description, of the npm package that GitHub publishes."""
    folder = tmp_path_factory.mktemp("github")
    try:
        urllib.request.urlopen(REGISTRY, timeout=20).close()
        subprocess.run(["npm", "pack", "--silent", GITHUB], cwd=folder, check=True, timeout=100)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        pytest.skip(f"{GITHUB} cannot be fetched from the npm registry: {error}")
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        return archive.extractfile("package/generated/api.github.com.json").read().decode()


def test_github(client, github):
    document = json.loads(github)
    made = client.import_api(Body=github)
    expected = {f"{method} {path}" for method, path in operations(document)}
    assert len(expected) > 900
    # No route has a part of a segment as a variable; that is told.
    compare = "GET /repos/{owner}/{repo}/compare/{base}...{head}"
    assert keys(client, made["ApiId"]) == expected - {compare}
    assert any(warning.startswith(compare) for warning in made["Warnings"])
    check_round_trip(client, made["ApiId"])
    client.delete_api(ApiId=made["ApiId"])


def test_the_base_path_is_ignored_prepended_or_split(client):
    document = {"openapi": "3.0.1", "info": {"title": "x"}, "paths": {"/e": {"get": {}}},
                "servers": [{"url": "https://example.com/a/b"}]}
    for basepath, key in (("ignore", "GET /e"), ("prepend", "GET /a/b/e"), ("split", "GET /b/e")):
        made = client.import_api(Body=json.dumps(document), Basepath=basepath)
        assert keys(client, made["ApiId"]) == {key}
        client.delete_api(ApiId=made["ApiId"])


def test_a_new_import_replaces_and_deploys(client):
    api = client.create_api(Name="old", ProtocolType="HTTP", Description="gone",
                            Target="https://example.com")["ApiId"]
    before = client.get_stage(ApiId=api, StageName="$default")["DeploymentId"]
    client.reimport_api(ApiId=api, Body=json.dumps(
        {"openapi": "3.0.1", "info": {"title": "new"}, "paths": {"/x": {"post": {}}}}))
    shown = client.get_api(ApiId=api)
    assert shown["Name"] == "new" and "Description" not in shown
    assert keys(client, api) == {"POST /x"}
    assert client.get_stage(ApiId=api, StageName="$default")["DeploymentId"] != before
    assert "/x" in export(client, api, StageName="$default")["paths"]


def test_an_import_that_fails_changes_nothing(client):
    count = len(client.get_apis()["Items"])
    for body, says in (
            ("{", "line 1, column"), ("swagger: '2.0'", "convert it"),
            ("openapi: 3.0.0\ninfo: {}", "'title' is missing"),
            ("openapi: 3.0.0\ninfo: {title: x}\npaths: {/a: {get: {x-amazon-apigateway-integration: "
             "{type: aws_proxy, uri: nothing, payloadFormatVersion: '2.0'}}}}", "integrationUri"),
            ("openapi: 3.0.0\ninfo: {title: x}\nx-evoke-guard: {limit: 1}", "'limit'")):
        code, message = refused(client.import_api, Body=body)
        assert code == "BadRequestException" and says in message, message
    assert len(client.get_apis()["Items"]) == count


def test_what_cannot_be_exported_is_told(client):
    api = client.create_api(Name="x", ProtocolType="HTTP")["ApiId"]
    assert "OAS30" in refused(client.export_api, ApiId=api, OutputType="JSON",
                              Specification="OAS20")[1]
    assert refused(client.export_api, ApiId=api, OutputType="JSON", Specification="OAS30",
                   StageName="absent")[0] == "NotFoundException"
