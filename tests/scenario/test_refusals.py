# SPDX-License-Identifier: Apache-2.0
"""What Lambda's API refuses, and in AWS's words where AWS has some."""
import json

import botocore.exceptions
import pytest

import evoke_daemon

CODE = evoke_daemon.make_zip({"handler.py": "def handler(event, context):\n    return event\n"})
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
ROLE = "arn:aws:iam::000000000000:role/r"
NOT_FOUND, INVALID = "ResourceNotFoundException", "InvalidParameterValueException"


@pytest.fixture(scope="module", name="client")
def _client(daemon):
    client = daemon.boto("lambda")
    create(client, "f", Publish=True)
    client.get_waiter("function_active_v2").wait(FunctionName="f")
    return client


def create(client, name, **settings):
    return client.create_function(**{
        "FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler", "Role": ROLE,
        "Code": {"ZipFile": CODE}, **settings})


def refused(call, *args, **params):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(*args, **params)
    answer = error.value.response["Error"]
    return answer["Code"], answer["Message"]


def test_bytes_that_are_no_zip_are_refused_as_aws_does(client):
    for code in (b"just some text, longer than an end record", CODE[:-4]):
        assert refused(create, client, "no-zip", Code={"ZipFile": code}) == (
            INVALID,
            "Could not unzip uploaded file. Please check your file, then try to upload again.")


def test_an_image_is_refused(client):
    assert refused(client.update_function_code, FunctionName="f", ImageUri="some:latest") == (
        INVALID, "Please don't provide ImageUri when updating a function with packageType Zip.")
    assert refused(create, client, "image", PackageType="Image", Code={"ImageUri": "some:latest"})[1] == (
        "PackageType Image is not served by Evoke; deploy a ZIP.")


def test_layers_and_snap_start_are_refused(client):
    layers = [f"arn:aws:lambda:us-east-1:000000000000:layer:l{i}:1" for i in range(6)]
    assert refused(create, client, "six", Layers=layers) == (
        INVALID, "Cannot reference more than 5 layers.")
    assert refused(create, client, "five", Layers=layers[:5])[1] == "Layers is not served by Evoke yet."
    on = {"SnapStart": {"ApplyOn": "PublishedVersions"}}
    assert refused(create, client, "snap", Runtime="python3.9", **on) == (
        INVALID, "python3.9 is not supported for SnapStart enabled functions.")
    assert refused(client.update_function_configuration, FunctionName="f", Runtime="nodejs22.x", **on) == (
        INVALID, "nodejs22.x is not supported for SnapStart enabled functions.")
    assert refused(client.update_function_configuration, FunctionName="f", **on) == (
        INVALID, "SnapStart is not served by Evoke yet.")


def test_the_runtimes_are_listed_in_the_order_of_aws(client):
    text = refused(create, client, "odd", Runtime="PYTHON3.9")[1]
    listed = text[text.index("[") + 1:text.index("]")].split(", ")

    def bucket(name):
        value = 0
        for character in name:
            value = value * 31 + ord(character) & 0xffffffff
        return (value ^ value >> 16) % 64

    assert len(listed) > 24 and listed == sorted(listed, key=bucket)
    assert text.endswith("] or be a valid ARN")


@pytest.mark.parametrize("given, wanted", [
    ({"Principal": "invalid.example.com"},
     (INVALID, "The provided principal was invalid. Please check the principal and try again.")),
    ({"Qualifier": "nowhere"}, (NOT_FOUND, f"Cannot find alias arn: {ARN}f:nowhere")),
    ({"FunctionName": "f:nowhere"}, (NOT_FOUND, f"Cannot find alias arn: {ARN}f:nowhere")),
    ({"Qualifier": "42"}, (NOT_FOUND, f"Function not found: {ARN}f:42")),
    ({"Qualifier": "with-$-in-it"}, (NOT_FOUND, f"Function not found: {ARN}f:with-$-in-it")),
    ({"FunctionName": "absent", "Qualifier": "1"}, (NOT_FOUND, f"Function not found: {ARN}absent")),
])
def test_add_permission_names_what_is_wrong(client, given, wanted):
    assert refused(client.add_permission, **{
        "FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com", **given}) == wanted


@pytest.mark.parametrize("principal", ["alexa-appkit.amazon.com", "s3.amazonaws.com.cn",
                                       "000000000000", "arn:aws:iam::000000000000:user/u", "*"])
def test_principals_that_are_taken(client, principal):
    client.add_permission(FunctionName="f", StatementId="taken", Action="lambda:InvokeFunction",
                          Principal=principal)
    client.remove_permission(FunctionName="f", StatementId="taken")


def test_policies_that_are_not_there(client):
    nothing = (NOT_FOUND, "The resource you requested does not exist.")
    for qualifier in ({}, {"Qualifier": "1"}, {"Qualifier": "77"}, {"Qualifier": "nowhere"}):
        assert refused(client.get_policy, FunctionName="f", **qualifier) == nothing
    assert refused(client.get_policy, FunctionName="absent") == (
        NOT_FOUND, f"Function not found: {ARN}absent")
    remove = client.remove_permission
    assert refused(remove, FunctionName="f", StatementId="s") == (
        NOT_FOUND, "No policy is associated with the given resource.")
    assert refused(remove, FunctionName="f", StatementId="s", Qualifier="nowhere") == (
        NOT_FOUND, f"Cannot find alias arn: {ARN}f:nowhere")
    assert refused(remove, FunctionName="absent", StatementId="s") == (
        NOT_FOUND, f"No policy found for: {ARN}absent")


def test_a_url_of_a_function_that_is_not_there(client):
    no_function = (NOT_FOUND, "Function does not exist")
    no_url = (NOT_FOUND, "The resource you requested does not exist.")
    for name in ("absent", ARN + "absent", "f:nowhere"):
        assert refused(client.create_function_url_config, FunctionName=name, AuthType="NONE") == no_function
        assert refused(client.update_function_url_config, FunctionName=name, AuthType="NONE") == no_function
        assert refused(client.get_function_url_config, FunctionName=name) == no_url
        assert refused(client.delete_function_url_config, FunctionName=name) == no_url
    assert refused(client.update_function_url_config, FunctionName="f", AuthType="NONE") == no_url


def test_concurrency_of_a_function_that_is_not_there(client):
    assert refused(client.put_function_concurrency, FunctionName="absent",
                   ReservedConcurrentExecutions=1) == (
        NOT_FOUND, f"Function not found: {ARN}absent:$LATEST")
    assert refused(client.get_function_concurrency, FunctionName="absent") == (
        NOT_FOUND, f"Function not found: {ARN}absent")


def test_a_stream_needs_a_starting_position(client):
    stream = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2025-01-01T00:00:00.000"
    make = client.create_event_source_mapping
    assert refused(make, FunctionName="f", EventSourceArn=stream) == (
        INVALID, "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
                 "constraint: Member must not be null.")
    assert refused(make, FunctionName="f", EventSourceArn=stream, StartingPosition="LATEST") == (
        INVALID, f"Stream not found: {stream}")


@pytest.mark.parametrize("given, wanted", [
    ({"StartingPosition": "0"},
     ("ValidationException", "1 validation error detected: Value '0' at 'startingPosition' failed to "
      "satisfy constraint: Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]")),
    ({"StartingPosition": "LATEST", "StartingPositionTimestamp": "1741010802"},
     (INVALID, "StartingPosition is not valid for SQS event sources.")),
    ({"StartingPositionTimestamp": "1741010802"},
     (INVALID, "StartingPosition is not valid for SQS event sources.")),
    ({"BisectBatchOnFunctionError": True},
     (INVALID, "Unsupported BisectBatchOnFunctionError parameter for given event source mapping type.")),
])
def test_what_belongs_to_streams_is_refused_for_a_queue(client, daemon, given, wanted):
    daemon.boto("sqs").create_queue(QueueName="q")
    assert refused(client.create_event_source_mapping, FunctionName="f",
                   EventSourceArn="arn:aws:sqs:us-east-1:000000000000:q", **given) == wanted


def test_a_runtime_is_updated_with_the_machine(client, daemon):
    path = "/2021-07-20/functions/f/runtime-management-config"

    def put(mode, query=""):
        return daemon.signed("PUT", path + query, {"UpdateRuntimeOn": mode})

    assert daemon.signed("GET", path, None) == (
        200, {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}f:$LATEST"})
    assert put("Auto", "?Qualifier=1") == (
        200, {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}f:1"})
    status, answer = put("Manual")
    assert status == 400 and "can only be Auto" in answer["message"]
    status, answer = put("never")
    assert status == 400 and answer["message"].endswith(
        "Member must satisfy enum value set: [Auto, Manual, FunctionUpdate]")
    status, answer = put("Auto", "?Qualifier=77")
    assert (status, answer["Message"]) == (404, f"Function not found: {ARN}f:77")


def test_a_version_published_by_an_update_is_pending_until_that_ends(client):
    code = evoke_daemon.make_zip({"handler.py": "def handler(event, context):\n    return 2\n"})
    made = client.update_function_code(FunctionName="f", ZipFile=code, Publish=True)
    assert (made["Version"], made["State"], made["StateReasonCode"]) == ("2", "Pending", "Creating")
    assert "LastUpdateStatus" not in made
    assert client.get_function_configuration(FunctionName="f", Qualifier="1")["State"] == "Active"
    client.get_waiter("function_updated_v2").wait(FunctionName="f")
    done = client.get_function_configuration(FunctionName="f", Qualifier="2")
    assert (done["State"], done["LastUpdateStatus"], done["RevisionId"]) == (
        "Active", "Successful", made["RevisionId"])
    assert json.load(client.invoke(FunctionName="f", Qualifier="2")["Payload"]) == 2
