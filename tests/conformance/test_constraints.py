# SPDX-License-Identifier: Apache-2.0
"""What AWS's service models forbid is refused in AWS's words, for the services that are asked by
JSON; and the services' own rules about several parameters."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import wire  # noqa: E402

ACCOUNT, REGION = "000000000000", "us-east-1"
PREFIX = {"events": "AWSEvents.", "logs": "Logs_20140328."}
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
HEADER_KEY = "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$"
HEADER_VALUE = r"^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$"
SOURCE_ARN = r"^arn:aws([a-z]|\-)*:events:([a-z]|\d|\-)*:([0-9]{12})?:.+\/.+$"


@pytest.fixture(scope="module")
def client(daemon):
    return wire.Client(daemon)


def ask(client, service, action, params):
    return client.call_target(service, PREFIX[service] + action, params)


def target(**more):
    return {"Rule": "r", "Targets": [{"Id": "t", "Arn": QUEUE, **more}]}


def oauth(**http):
    return {"Name": "c", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {
        "OAuthParameters": {"AuthorizationEndpoint": "https://a.b", "HttpMethod": "POST",
                            "ClientParameters": {"ClientID": "i", "ClientSecret": "s"},
                            "OAuthHttpParameters": http}}}


def basic(**more):
    return {"Name": "c", "AuthorizationType": "BASIC", "AuthParameters": {
        "BasicAuthParameters": {"Username": "u", "Password": "p"}, **more}}


REGEX = "Member must satisfy regular expression pattern: "
AT = "targets.1.member."
EVENTS = [
    ("CreateArchive", {"ArchiveName": "a", "EventSourceArn": "no"},
     f"Value 'no' at 'eventSourceArn' failed to satisfy constraint: {REGEX}{SOURCE_ARN}"),
    ("ListReplays", {"EventSourceArn": "arn:aws:events:us-east-1::x"}, f"'eventSourceArn' failed to "
     f"satisfy constraint: {REGEX}{SOURCE_ARN}"),
    ("UpdateArchive", {"ArchiveName": "a", "Description": "a\nb"},
     f"at 'description' failed to satisfy constraint: {REGEX}.*"),
    ("CreateEventBus", {"Name": "b", "KmsKeyIdentifier": "a b"},
     f"at 'kmsKeyIdentifier' failed to satisfy constraint: {REGEX}" r"^[a-zA-Z0-9_\-/:]*$"),
    ("CreateEventBus", {"Name": "b", "EventSourceName": "aws.partner/a"},
     f"at 'eventSourceName' failed to satisfy constraint: {REGEX}" r"aws\.partner(/[\.\-_A-Za-z0-9]+){2,}"),
    ("UpdateEventBus", {"Name": "b" * 257},
     "at 'name' failed to satisfy constraint: Member must have length less than or equal to 256"),
    ("CreateConnection", oauth(HeaderParameters=[{"Key": "a b", "Value": "v"}]),
     "Value 'a b' at 'authParameters.oAuthParameters.oAuthHttpParameters.headerParameters.1.member"
     f".key' failed to satisfy constraint: {REGEX}{HEADER_KEY}"),
    ("CreateConnection", basic(InvocationHttpParameters={"HeaderParameters": [
        {"Key": "a", "Value": "v\n"}]}),
     "Value at 'authParameters.invocationHttpParameters.headerParameters.1.member.value' failed to "
     f"satisfy constraint: {REGEX}{HEADER_VALUE}"),
    ("CreateConnection", basic(InvocationHttpParameters={"QueryStringParameters": [
        {"Key": "a\t", "Value": "v"}]}),
     "queryStringParameters.1.member.key' failed to satisfy constraint: "
     f"{REGEX}" r"[^\x00-\x1F\x7F]+"),
    ("PutTargets", target(HttpParameters={"HeaderParameters": {"a b": "v"}}),
     f"Value '{{a b=v}}' at '{AT}httpParameters.headerParameters' failed to satisfy constraint: Map "
     "keys must satisfy constraint: [Member must have length less than or equal to 512, Member must "
     f"have length greater than or equal to 0, {REGEX}{HEADER_KEY}]"),
    ("PutTargets", target(HttpParameters={"PathParameterValues": [" "]}),
     f"Value '[ ]' at '{AT}httpParameters.pathParameterValues' failed to satisfy constraint: Member "
     f"must satisfy constraint: [{REGEX}" r"^(?!\s*$).+, Member must not be null]"),
    ("PutTargets", target(InputTransformer={
        "InputTemplate": "1", "InputPathsMap": {f"k{i}": "$.a" for i in range(101)}}),
     f"at '{AT}inputTransformer.inputPathsMap' failed to satisfy constraint: Member must have "
     "length less than or equal to 100"),
    ("PutTargets", target(KinesisParameters={}),
     f"Value null at '{AT}kinesisParameters.partitionKeyPath' failed to satisfy constraint: Member "
     "must not be null"),
    ("PutTargets", target(EcsParameters={"TaskDefinitionArn": "a", "TaskCount": 0}),
     f"Value '0' at '{AT}ecsParameters.taskCount' failed to satisfy constraint: Member must have "
     "value greater than or equal to 1"),
    ("PutTargets", target(BatchParameters={"JobName": "a"}),
     f"Value null at '{AT}batchParameters.jobDefinition' failed to satisfy constraint: Member must "
     "not be null"),
    ("PutTargets", target(RedshiftDataParameters={"Database": "", "Sql": ""}),
     f"Value '' at '{AT}redshiftDataParameters.database' failed to satisfy constraint: Member must "
     "have length greater than or equal to 1"),
]


@pytest.mark.parametrize("action, params, part", EVENTS)
def test_events_refuses_what_its_model_forbids(client, action, params, part):
    error = ask(client, "events", action, params)["Error"]
    assert error["Code"] == "ValidationException"
    assert part in error["Message"]


def test_parameters_at_their_limits_are_taken(client):
    assert "ConnectionArn" in ask(client, "events", "CreateConnection", {
        **basic(InvocationHttpParameters={
            "HeaderParameters": [{"Key": "a,b`|~", "Value": "\tv w\t"}],
            "QueryStringParameters": [{"Key": "é ", "Value": "a\nb"}],
            "BodyParameters": [{"Key": "", "Value": ""}]}),
        "Name": "limits", "KmsKeyIdentifier": "alias/key:1", "Description": "é"})
    shown = ask(client, "events", "DescribeConnection", {"Name": "limits"})
    assert shown["KmsKeyIdentifier"] == "alias/key:1"
    ask(client, "events", "PutRule", {"Name": "limits", "EventPattern": '{"source": ["a"]}'})
    put = ask(client, "events", "PutTargets", {**target(
        HttpParameters={"HeaderParameters": {"a": "v w"}, "PathParameterValues": ["a b"],
                        "QueryStringParameters": {"é": "\n"}}), "Rule": "limits"})
    assert put["FailedEntryCount"] == 0, put


@pytest.mark.parametrize("action", ["ListArchives", "ListReplays"])
def test_lists_are_filtered_by_one_thing(client, action):
    error = ask(client, "events", action, {"NamePrefix": "a", "State": "FAILED"} if
                action == "ListReplays" else {"NamePrefix": "a", "State": "ENABLED"})["Error"]
    assert error == {"Code": "ValidationException",
                     "Message": f"At most one filter is allowed for {action}. Use either : State, "
                                "EventSourceArn, or NamePrefix."}


def test_an_archive_that_is_missing_is_told_before_what_a_change_lacks(client):
    error = ask(client, "events", "UpdateArchive", {"ArchiveName": "none"})["Error"]
    assert error == {"Code": "ResourceNotFoundException", "Message": "Archive none does not exist."}


@pytest.mark.parametrize("where", ["InvocationConnectivityParameters", "AuthParameters"])
def test_private_connections_are_refused(client, where):
    lattice = {"ResourceParameters": {"ResourceConfigurationArn": "arn:aws:vpc-lattice:x"}}
    params = basic(**({"ConnectivityParameters": lattice} if where == "AuthParameters" else {}))
    if where != "AuthParameters":
        params[where] = lattice
    error = ask(client, "events", "CreateConnection", params)["Error"]
    assert error["Code"] == "ValidationException"
    assert "not served by Evoke" in error["Message"]


@pytest.mark.parametrize("service, action", [
    ("events", "CreateEndpoint"), ("events", "PutPartnerEvents"), ("logs", "CreateLogGroup"),
    ("logs", "PutResourcePolicy"), ("logs", "ListLogGroups")])
def test_what_is_not_served_is_told_by_name(client, service, action):
    answer = ask(client, service, action, {})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert answer["Error"] == {"Code": "NotImplementedException",
                               "Message": f"The action '{action}' is not served by Evoke yet."}


# --- the Scheduler, which has paths ---

def refused(daemon, action, **params):
    import botocore.exceptions

    client = daemon.boto("scheduler", parameter_validation=False)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(client, action)(**params)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    return error["Message"]


def schedule(**more):
    role = f"arn:aws:iam::{ACCOUNT}:role/r"
    return {"Name": "s", "ScheduleExpression": "rate(1 minute)",
            "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": QUEUE, "RoleArn": role}, **more}


GROUP_ARN = (r"^arn:aws(-[a-z]+)?:scheduler:[a-z0-9\-]+:\d{12}:schedule-group\/"
             r"[0-9a-zA-Z-_.]+$")
SCHEDULER = [
    ("create_schedule", schedule(Target={"Arn": QUEUE, "RoleArn": "role"}), "Value 'role' at "
     f"'target.roleArn' failed to satisfy constraint: {REGEX}"
     r"^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$"),
    ("create_schedule", schedule(KmsKeyArn="key"), f"Value 'key' at 'kmsKeyArn' failed to satisfy "
     f"constraint: {REGEX}" r"^arn:aws(-[a-z]+)?:kms:[a-z0-9\-]+:\d{12}:(key|alias)\/[0-9a-zA-Z-_]*$"),
    ("update_schedule", schedule(Target={
        **schedule()["Target"], "EventBridgeParameters": {"DetailType": "d", "Source": "aws.x"}}),
     f"Value 'aws.x' at 'target.eventBridgeParameters.source' failed to satisfy constraint: {REGEX}"),
    ("tag_resource", {"ResourceArn": "group", "Tags": []},
     f"Value 'group' at 'resourceArn' failed to satisfy constraint: {REGEX}{GROUP_ARN}"),
    ("create_schedule_group", {"Name": "g", "Tags": [{"Key": "", "Value": "v" * 257}]},
     "2 validation errors detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: "
     "Member must have length greater than or equal to 1; Value '" + "v" * 257 + "' at "
     "'tags.1.member.value' failed to satisfy constraint: Member must have length less than or "
     "equal to 256"),
    ("create_schedule_group", {"Name": "g", "Tags": [{"Key": f"{i}", "Value": "v"}
                                                     for i in range(201)]},
     "at 'tags' failed to satisfy constraint: Member must have length less than or equal to 200"),
]


@pytest.mark.parametrize("action, params, part", SCHEDULER)
def test_the_scheduler_refuses_what_its_model_forbids(daemon, action, params, part):
    assert part in refused(daemon, action, **params)


def test_a_schedule_with_all_of_it_is_made(daemon):
    client = daemon.boto("scheduler")
    client.create_schedule(**schedule(
        Name="full", KmsKeyArn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1-a_b", State="DISABLED",
        Target={"Arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default",
                "RoleArn": f"arn:aws-cn:iam::{ACCOUNT}:role/a/b",
                "EventBridgeParameters": {"DetailType": "d", "Source": "my.app"}}))
    assert client.get_schedule(Name="full")["KmsKeyArn"].endswith("key/1-a_b")
