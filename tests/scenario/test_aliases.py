# SPDX-License-Identifier: Apache-2.0
"""Aliases of functions: made, changed and listed as AWS does it, and where their invocations go."""
import json
import time
import urllib.parse

import botocore.exceptions
import pytest
from evoke_daemon import make_zip

CODE = {"main.py": """
import os
def handler(event, context):
    return [context.function_version, context.invoked_function_arn, os.environ.get("KIND")]
"""}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
LIMIT_S = 60


@pytest.fixture(scope="module")
def client(daemon):
    """A function "f" with the versions 1 ("old") and 2 ("new")."""
    client = daemon.boto("lambda")
    daemon.create("f", CODE, Environment={"Variables": {"KIND": "old"}})
    client.publish_version(FunctionName="f")
    client.update_function_configuration(FunctionName="f", Environment={"Variables": {"KIND": "new"}})
    client.get_waiter("function_updated_v2").wait(FunctionName="f")
    client.publish_version(FunctionName="f")
    return client


@pytest.fixture
def make(client):
    made = []

    def create(name, version="1", weights=None, **settings):
        if weights is not None:
            settings["RoutingConfig"] = {"AdditionalVersionWeights": weights}
        made.append(name)
        answer = client.create_alias(FunctionName="f", Name=name, FunctionVersion=version, **settings)
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 201
        return answer

    yield create
    for name in made:
        client.delete_alias(FunctionName="f", Name=name)


def refused(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def get(client, name):
    answer = client.get_alias(FunctionName="f", Name=name)
    answer.pop("ResponseMetadata")
    return answer


def invoke(client, qualifier, **settings):
    answer = client.invoke(FunctionName="f", Qualifier=qualifier, **settings)
    return answer["ExecutedVersion"], json.loads(answer["Payload"].read())


def test_an_alias_is_made_shown_changed_and_deleted(client, make):
    made = make("live", Description="what is live")
    revision = made.pop("RevisionId")
    assert made == {"AliasArn": ARN + "f:live", "Name": "live", "FunctionVersion": "1",
                    "Description": "what is live"}
    assert get(client, "live") == {**made, "RevisionId": revision}
    latest = client.get_function_configuration(FunctionName="f")["RevisionId"]
    changed = client.update_alias(FunctionName="f", Name="live", FunctionVersion="2", RevisionId=revision,
                                  RoutingConfig={"AdditionalVersionWeights": {"1": 0.25}})
    assert changed["FunctionVersion"] == "2" and changed["Description"] == "what is live"
    assert changed["RoutingConfig"] == {"AdditionalVersionWeights": {"1": 0.25}}
    assert changed["RevisionId"] != revision
    assert client.get_function_configuration(FunctionName="f")["RevisionId"] == latest
    assert refused(client.update_alias, FunctionName="f", Name="live", RevisionId=revision) == (
        "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
    same = client.update_alias(FunctionName="f", Name="live",
                               RoutingConfig={"AdditionalVersionWeights": {}})
    assert "RoutingConfig" not in same and same["FunctionVersion"] == "2"
    client.delete_alias(FunctionName="f", Name="live")
    client.delete_alias(FunctionName="f", Name="live")
    assert refused(client.get_alias, FunctionName="f", Name="live") == (
        "ResourceNotFoundException", f"Cannot find alias arn: {ARN}f:live")
    assert refused(client.update_alias, FunctionName="f", Name="live") == (
        "ResourceNotFoundException", f"Alias not found: {ARN}f:live")


WEIGHTS = "1 validation error detected: Value '{%s}' at 'routingConfig.additionalVersionWeights' failed " \
          "to satisfy constraint: Map "


@pytest.mark.parametrize("name, version, weights, code, text", [
    ("a", "1", {"1": 0.8, "2": 0.2}, "InvalidParameterValueException",
     "Number of items in AdditionalVersionWeights cannot be greater than 1"),
    ("a", "1", {"2": 2}, "ValidationException", WEIGHTS % "2=2.0" + "value must satisfy constraint: [Member "
     "must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, "
     "Member must not be null]"),
    ("a", "1", {"$LATEST": 0.5}, "ValidationException", WEIGHTS % "$LATEST=0.5" + "keys must satisfy "
     "constraint: [Member must have length less than or equal to 1024, Member must have length greater "
     "than or equal to 1, Member must satisfy regular expression pattern: [0-9]+, Member must not be null]"),
    ("a", "1", {"1": 0.5}, "InvalidParameterValueException",
     "Invalid function version 1. Function version 1 is already included in routing configuration."),
    ("a", "10", {"2": 0.5}, "ResourceNotFoundException", f"Function not found: {ARN}f:10"),
    ("a", "1", {"10": 0.5}, "ResourceNotFoundException", f"Function not found: {ARN}f:10"),
    ("a", "$LATEST", {"1": 0.5}, "InvalidParameterValueException",
     "$LATEST is not supported for an alias pointing to more than 1 version"),
    ("2024", "1", {}, "ValidationException", "1 validation error detected: Value '2024' at 'name' failed to "
     "satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"),
])
def test_what_aws_does_not_take_is_refused_in_its_words(client, name, version, weights, code, text):
    assert refused(client.create_alias, FunctionName="f", Name=name, FunctionVersion=version,
                   RoutingConfig={"AdditionalVersionWeights": weights}) == (code, text)


def test_a_name_is_given_once_and_to_a_function_that_exists(client, make):
    make("2024-01-02", "$LATEST", {})
    assert refused(client.create_alias, FunctionName="f", Name="2024-01-02", FunctionVersion="1") == (
        "ResourceConflictException", f"Alias already exists: {ARN}f:2024-01-02")
    assert refused(client.create_alias, FunctionName="nosuch", Name="a", FunctionVersion="1") == (
        "ResourceNotFoundException", f"Function not found: {ARN}nosuch:1")


def test_aliases_are_listed_by_name_page_by_page(client, make):
    for name, version in (("b", "1"), ("c", "2"), ("a", "1")):
        make(name, version)
    pages = client.get_paginator("list_aliases").paginate(FunctionName="f", PaginationConfig={"PageSize": 1})
    assert [alias["Name"] for page in pages for alias in page["Aliases"]] == ["a", "b", "c"]
    only = client.list_aliases(FunctionName="f", FunctionVersion="1")
    assert [alias["Name"] for alias in only["Aliases"]] == ["a", "b"] and "NextMarker" not in only


def test_an_invocation_goes_to_the_aliased_version_and_knows_the_alias(client, make):
    make("live")
    assert invoke(client, "live") == ("1", ["1", ARN + "f:live", "old"])
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert invoke(client, "live") == ("2", ["2", ARN + "f:live", "new"])
    assert invoke(client, "2") == ("2", ["2", ARN + "f:2", "new"])
    answer = client.invoke(FunctionName="f:live", LogType="Tail")
    assert answer["ExecutedVersion"] == "2"
    shown = client.get_function(FunctionName="f", Qualifier="live")["Configuration"]
    assert (shown["FunctionArn"], shown["Version"]) == (ARN + "f:live", "2")
    assert refused(client.invoke, FunctionName="f", Qualifier="dead") == (
        "ResourceNotFoundException", f"Function not found: {ARN}f:dead")


def test_weights_share_the_invocations(client, make):
    make("split", "1", {"2": 1.0})
    assert {invoke(client, "split")[0] for _ in range(20)} == {"2"}
    client.update_alias(FunctionName="f", Name="split",
                        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    deadline, seen = time.monotonic() + LIMIT_S, set()
    while seen != {"1", "2"} and time.monotonic() < deadline:
        version, (ran, arn, _kind) = invoke(client, "split")
        assert version == ran and arn == ARN + "f:split"
        seen.add(version)
    assert seen == {"1", "2"}


def test_a_version_with_an_alias_stays(client, make):
    make("live", "1", {"2": 0.5})
    for version in ("1", "2"):
        assert refused(client.delete_function, FunctionName="f", Qualifier=version) == (
            "ResourceConflictException",
            f"Version {version} cannot be deleted because the alias 'live' points to it.")


def test_events_go_by_an_alias_and_its_settings(client, daemon, make):
    make("live")
    sqs = daemon.boto("sqs")
    url = sqs.create_queue(QueueName="of-aliases")["QueueUrl"]
    client.put_function_event_invoke_config(
        FunctionName="f", Qualifier="live",
        DestinationConfig={"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:000000000000:of-aliases"}})
    client.invoke(FunctionName="f", Qualifier="live", InvocationType="Event")
    message, = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    record = json.loads(message["Body"])
    assert record["requestContext"]["functionArn"] == ARN + "f:live"
    assert record["responsePayload"] == ["1", ARN + "f:live", "old"]


def statements(client, **qualifier):
    policy = client.get_policy(FunctionName="f", **qualifier)
    return [(one["Sid"], one["Resource"]) for one in json.loads(policy["Policy"])["Statement"]], \
        policy["RevisionId"]


def test_versions_and_aliases_have_policies_of_their_own(client, make):
    revision = make("live")["RevisionId"]
    given = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    client.add_permission(FunctionName="f", **given)
    assert refused(client.get_policy, FunctionName="f", Qualifier="1") == (
        "ResourceNotFoundException", "The resource you requested does not exist.")
    client.add_permission(FunctionName="f:1", Qualifier="1", **given)
    assert refused(client.add_permission, FunctionName="f", Qualifier="live", RevisionId="wrong", **given) == (
        "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id")
    _own, before = statements(client)
    client.add_permission(FunctionName="f:live", Qualifier="live", RevisionId=revision, **given)
    assert statements(client) == ([("s3", ARN + "f")], before)
    assert statements(client, Qualifier="1")[0] == [("s3", ARN + "f:1")]
    shown, changed = statements(client, Qualifier="live")
    assert shown == [("s3", ARN + "f:live")] and changed == get(client, "live")["RevisionId"] != revision
    assert refused(client.add_permission, FunctionName="f", Qualifier="live", **given)[0] == (
        "ResourceConflictException")
    client.remove_permission(FunctionName="f", Qualifier="live", StatementId="s3")
    assert refused(client.remove_permission, FunctionName="f", Qualifier="live", StatementId="s3") == (
        "ResourceNotFoundException", "No policy is associated with the given resource.")
    client.remove_permission(FunctionName="f", Qualifier="1", StatementId="s3")
    assert statements(client)[0] == [("s3", ARN + "f")]
    client.remove_permission(FunctionName="f", StatementId="s3")


def test_the_policy_of_an_alias_goes_with_it(client, make):
    for _ in range(2):
        make("brief")
        assert refused(client.get_policy, FunctionName="f", Qualifier="brief")[0] == (
            "ResourceNotFoundException")
        client.add_permission(FunctionName="f", Qualifier="brief", StatementId="s",
                              Action="lambda:InvokeFunction", Principal="s3.amazonaws.com")
        client.delete_alias(FunctionName="f", Name="brief")


def address(made):
    return f"/urls/{urllib.parse.urlsplit(made['FunctionUrl']).hostname.split('.')[0]}/"


def open_url(client, qualifier):
    client.add_permission(FunctionName="f", Qualifier=qualifier, StatementId="url", Principal="*",
                          Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")


def test_a_url_of_an_alias_runs_what_the_alias_stands_for(client, daemon, make):
    make("live")
    made = client.create_function_url_config(FunctionName="f:live", Qualifier="live", AuthType="NONE")
    assert made["FunctionArn"] == ARN + "f:live"
    assert daemon.get(address(made))[0] == 403, "nobody is let in yet"
    open_url(client, "live")
    status, _headers, body = daemon.get(address(made))
    assert (status, json.loads(body)) == (200, ["1", ARN + "f:live", "old"])
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert json.loads(daemon.get(address(made))[2]) == ["2", ARN + "f:live", "new"]
    client.update_alias(FunctionName="f", Name="live",
                        RoutingConfig={"AdditionalVersionWeights": {"1": 1.0}})
    assert json.loads(daemon.get(address(made))[2])[0] == "1"


def test_a_url_of_an_alias_has_rules_of_its_own(client, daemon, make):
    make("live")
    make("beta", "2")
    own = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")
    live = client.create_function_url_config(
        FunctionName="f", Qualifier="live", AuthType="NONE", Cors={"AllowOrigins": ["https://a.example"]})
    beta = client.create_function_url_config(FunctionName="f", Qualifier="beta", AuthType="NONE")
    open_url(client, "live")
    assert [daemon.get(address(one))[0] for one in (own, live, beta)] == [403, 200, 403]
    headers = daemon.get(address(live), headers={"Origin": "https://a.example"})[1]
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert refused(client.create_function_url_config, FunctionName="f", Qualifier="live", AuthType="NONE") == (
        "ResourceConflictException",
        f"Failed to create function url config for [functionArn = {ARN}f:live]. Error message:  "
        "FunctionUrlConfig exists for this Lambda function")
    changed = client.update_function_url_config(FunctionName="f", Qualifier="live", AuthType="AWS_IAM")
    assert changed["FunctionArn"] == ARN + "f:live" and daemon.get(address(live))[0] == 403
    assert client.get_function_url_config(FunctionName="f", Qualifier="live")["AuthType"] == "AWS_IAM"
    assert client.get_function_url_config(FunctionName="f", Qualifier="beta")["AuthType"] == "NONE"
    client.delete_function_url_config(FunctionName="f", Qualifier="beta")
    assert refused(client.get_function_url_config, FunctionName="f", Qualifier="beta") == (
        "ResourceNotFoundException", "The resource you requested does not exist.")
    client.delete_function_url_config(FunctionName="f")
    assert client.get_function_url_config(FunctionName="f", Qualifier="live")


def test_urls_are_listed_with_those_of_aliases(client, make):
    for name in ("live", "beta"):
        make(name)
    client.create_function_url_config(FunctionName="f", AuthType="NONE")
    for name in ("live", "beta"):
        client.create_function_url_config(FunctionName="f", Qualifier=name, AuthType="NONE")
    wanted = [ARN + "f", ARN + "f:beta", ARN + "f:live"]
    shown = client.list_function_url_configs(FunctionName="f")
    assert [one["FunctionArn"] for one in shown["FunctionUrlConfigs"]] == wanted
    assert "NextMarker" not in shown
    pages, more = [], {}
    while len(pages) < 5:
        page = client.list_function_url_configs(FunctionName="f", MaxItems=1, **more)
        pages += [one["FunctionArn"] for one in page["FunctionUrlConfigs"]]
        if "NextMarker" not in page:
            break
        more = {"Marker": page["NextMarker"]}
    assert pages == wanted
    client.delete_function_url_config(FunctionName="f")


def test_the_url_of_an_alias_goes_with_it(client, daemon, make):
    make("brief")
    made = client.create_function_url_config(FunctionName="f", Qualifier="brief", AuthType="NONE")
    open_url(client, "brief")
    assert daemon.get(address(made))[0] == 200
    client.delete_alias(FunctionName="f", Name="brief")
    assert daemon.get(address(made))[0] == 403
    make("brief")
    assert refused(client.get_function_url_config, FunctionName="f", Qualifier="brief")[0] == (
        "ResourceNotFoundException")


def test_aliases_survive_a_restart(make_daemon):
    daemon = make_daemon()
    client = daemon.boto("lambda")
    daemon.create("f", CODE)
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="$LATEST", Description="kept")
    url = client.create_function_url_config(FunctionName="f", Qualifier="live", AuthType="NONE")
    open_url(client, "live")
    before = get(client, "live")
    daemon.kill()
    daemon.start()
    client = daemon.boto("lambda")
    assert get(client, "live") == before
    assert invoke(client, "live")[1][:2] == ["$LATEST", ARN + "f:live"]
    assert daemon.get(address(url))[0] == 200
