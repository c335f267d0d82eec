# SPDX-License-Identifier: Apache-2.0
"""A function that says who may call another: one setting of function.yaml."""
import json
import uuid

import pytest
from botocore.exceptions import ClientError

DAEMON_OPTIONS = ("--shards", "2")
ECHO = """
def handler(event, context):
    return {"authorizer": event["requestContext"].get("authorizer", {}), "raw": event["rawPath"]}
"""
# Says what it was asked; lets pass whom its source names "friend". "n" tells answers apart.
KEEPER = """
import uuid
def handler(event, context):
    if "broken" in event["identitySource"]:
        raise RuntimeError("broken")
    return {"isAuthorized": event["identitySource"][0] == "friend", "context": {
        "n": uuid.uuid4().hex, "arn": event["routeArn"], "key": event["routeKey"],
        "sources": event["identitySource"], "type": event["type"], "body": "body" in event}}
"""
JUDGE = """
def handler(event, context):
    return {"principalId": "eva", "policyDocument": {"Version": "2012-10-17", "Statement": [
        {"Action": "execute-api:Invoke", "Effect": "Allow",
         "Resource": event["routeArn"].rsplit("/", 1)[0] + "/open*"}]}}
"""


@pytest.fixture(scope="module")
def keepers(daemon):
    daemon.create("keeper", {"main.py": KEEPER})
    daemon.create("judge", {"main.py": JUDGE})
    return daemon


class Guarded:
    """A function behind an authorizer."""

    def __init__(self, daemon, authorizer, route="/{name}/{{id}}"):
        self.daemon, self.name = daemon, f"g-{uuid.uuid4().hex[:8]}"
        daemon.create(self.name, {"main.py": ECHO, "function.yaml": (
            f"http:\n  route: {route.format(name=self.name)}\n  authorizer: {authorizer}\n")})

    def ask(self, path="/7", **headers):
        status, _, body = self.daemon.get(f"/{self.name}{path}", headers={
            name.replace("_", "-"): value for name, value in headers.items()})
        return status, json.loads(body)


def test_the_function_lets_pass_and_tells_what_it_knows(keepers):
    guarded = Guarded(keepers, "{function: keeper}")
    status, seen = guarded.ask(Authorization="friend")
    assert status == 200
    told = seen["authorizer"]["lambda"]
    assert told["arn"].startswith("arn:aws:execute-api:us-east-1:000000000000:")
    assert told["arn"].endswith(f"/$default/GET/{guarded.name}/7")
    assert told["key"] == f"ANY /{guarded.name}/{{id}}"
    assert (told["sources"], told["type"], told["body"]) == (["friend"], "REQUEST", False)
    assert guarded.ask(Authorization="foe") == (403, {
        "Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
                   "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"})
    assert guarded.ask()[0] == 401
    assert guarded.ask(Authorization="")[0] == 401
    assert guarded.ask(Authorization="broken")[0] == 500


def test_the_functions_url_is_guarded_too(keepers):
    guarded = Guarded(keepers, "{function: keeper, identity: $request.querystring.key}")
    path = f"/functions/{guarded.name}/a"
    assert keepers.get(path)[0] == 401
    assert keepers.get(path + "?key=foe")[0] == 403
    status, _, body = keepers.get(path + "?key=friend")
    assert status == 200 and json.loads(body)["authorizer"]["lambda"]["key"] == "$default"


def test_answers_are_kept_for_their_time_and_for_what_is_guarded(keepers):
    def answer(guarded, **headers):
        status, seen = guarded.ask(**headers)
        assert status == 200
        return seen["authorizer"]["lambda"]["n"]

    each = Guarded(keepers, "{function: keeper}")
    assert answer(each, Authorization="friend") != answer(each, Authorization="friend")
    settings = "{function: keeper, ttl: 3600, identity: [$request.header.Authorization, " \
               "$request.header.X-More]}"
    one, other = Guarded(keepers, settings), Guarded(keepers, settings)

    def all_of(guarded, more):
        """On whatever shard: each asks once."""
        return {answer(guarded, Authorization="friend", X_More=more) for _ in range(24)}

    first = all_of(one, "a") | all_of(one, "a")
    assert len(first) <= 2
    assert not all_of(one, "b") & first
    assert not all_of(other, "a") & first
    assert one.ask(Authorization="friend")[0] == 401  # a source is missing


def test_a_policy_is_for_the_paths_it_names(keepers):
    guarded = Guarded(keepers, "{function: judge, answer: policy, ttl: 300}")
    assert guarded.ask("/open1", Authorization="x")[0] == 200
    assert guarded.ask("/shut", Authorization="x")[0] == 403
    assert guarded.ask("/open2", Authorization="x")[0] == 200


def test_a_function_that_is_not_there_stops_the_deployment(keepers):
    for settings, reason in (
            ("{function: nobody}", "function.yaml, line 2, column 16: authorizer.function: there "
                                   "is no function 'nobody' here: deploy it first"),
            ("{function: 'keeper:9'}", "the function 'keeper' has no version or alias '9'"),
            ("{function: keeper, ttl: 1h}", "authorizer.ttl"),
            ("{function: keeper, issuer: 'https://i.test'}", "issuer")):
        with pytest.raises(ClientError) as refused:
            keepers.create("wrong", {"main.py": ECHO, "function.yaml": (
                f"http:\n  authorizer: {settings}\n")})
        assert reason in str(refused.value), settings


def test_one_that_goes_later_lets_nobody_pass(keepers):
    keepers.create("leaving", {"main.py": KEEPER})
    guarded = Guarded(keepers, "{function: leaving}")
    assert guarded.ask(Authorization="friend")[0] == 200
    keepers.boto("lambda").delete_function(FunctionName="leaving")
    assert guarded.ask(Authorization="friend")[0] == 500


def test_the_guard_of_an_api_may_ask_it_too(keepers):
    client, name = keepers.boto("apigatewayv2"), f"p-{uuid.uuid4().hex[:8]}"
    keepers.create(name, {"main.py": ECHO})
    keepers.boto("lambda").add_permission(
        FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")
    arn = keepers.boto("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    api = client.create_api(Name=name, ProtocolType="HTTP", Target=arn)["ApiId"]

    def put(function):
        return keepers.signed("PUT", f"/_evoke/apis/{api}/guard",
                              {"authorizer": {"function": function}}, "apigateway")

    status, *rest = put("nobody")
    assert status == 400 and "there is no function 'nobody' here" in str(rest)
    assert put("keeper")[0] == 200
    assert keepers.get(f"/apis/{api}/a")[0] == 401
    assert keepers.get(f"/apis/{api}/a", headers={"Authorization": "foe"})[0] == 403
    assert keepers.get(f"/apis/{api}/a", headers={"Authorization": "friend"})[0] == 200
    shown = json.loads(keepers.run("gateway", "routes", "--json").stdout)
    assert {one["authorization"] for one in shown if one.get("apiId") == api} == {"CUSTOM"}
