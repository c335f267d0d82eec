# SPDX-License-Identifier: Apache-2.0
"""A token of an issuer for routes and URLs of functions: one setting of function.yaml."""
import json
import time

import pytest
from botocore.exceptions import ClientError

from support.issuer import Issuer, Key

DAEMON_OPTIONS = ("--upstream-networks", "private")
ECHO = """
def handler(event, context):
    return event["requestContext"].get("authorizer", {})
"""


class World:
    def __init__(self, daemon):
        self.daemon, self.issuer = daemon, Issuer(Key("one"))

    def deploy(self, name, more="", http=""):
        self.daemon.create(name, {"main.py": ECHO, "function.yaml": (
            f"http:\n  route: GET /{name}/{{id}}\n{http}  authorizer:\n"
            f"    issuer: {self.issuer.url}\n    audience: [pets, toys]\n{more}")})

    def ask(self, path, token=None, headers=None, **more):
        headers = {**({"Authorization": token} if token else {}), **(headers or {})}
        status, headers, body = self.daemon.get(path, headers=headers, **more)
        return status, headers, json.loads(body) if status == 200 else body


@pytest.fixture(scope="module", name="world")
def _world(daemon):
    made = World(daemon)
    yield made
    made.issuer.stop()


def test_every_way_to_the_function_wants_the_token(world):
    world.deploy("guarded")
    url = world.daemon.run("url", "guarded").stdout.strip().split("/", 3)[3]
    token = world.issuer.token(sub="me")
    for path in ("/guarded/7", "/functions/guarded/", f"/{url}"):
        assert world.ask(path)[0] == 401, path
        assert world.ask(path, Key("one").sign(world.issuer.claims()))[0] == 401, path
        for given in (token, "Bearer " + token, world.issuer.token(aud="toys")):
            assert world.ask(path, given)[0] == 200, path
        for wrong in (world.issuer.token(aud="cars"), world.issuer.token(exp=int(time.time()) - 1),
                      world.issuer.token(iss="http://elsewhere"),
                      token[:-3] + ("AAA" if token[-3:] != "AAA" else "BBB")):
            status, headers, body = world.ask(path, wrong)
            assert (status, body) == (401, b'{"message":"Unauthorized"}'), path
            assert 'error="invalid_token"' in headers["www-authenticate"]
    seen = world.ask("/guarded/7", token)[2]["jwt"]
    assert seen["claims"]["sub"] == "me" and seen["scopes"] is None


def test_one_of_the_scopes_is_needed(world):
    world.deploy("scoped", "    scopes: [read, admin]\n")
    assert world.ask("/scoped/7", world.issuer.token())[0] == 403
    status, headers, _ = world.ask("/scoped/7", world.issuer.token(scope="write"))
    assert status == 403 and 'scope="read admin"' in headers["www-authenticate"]
    for scope in ("read", "list admin"):
        status, _, seen = world.ask("/scoped/7", world.issuer.token(scope=scope))
        assert status == 200 and seen["jwt"]["scopes"] == scope.split()


def test_the_token_may_stand_elsewhere(world):
    world.deploy("cookieless", "    from: $request.querystring.access_token\n    scopes: read\n")
    token = world.issuer.token(scope="read")
    assert world.ask(f"/cookieless/7?access_token={token}")[0] == 200
    assert world.ask("/cookieless/7", token)[0] == 401
    assert world.ask("/cookieless/7?access_token=x")[0] == 401


def test_preflights_need_none_and_what_is_no_route_says_so(world):
    world.deploy("shared", http="  cors: {origins: [https://a.test]}\n")
    assert world.ask("/shared/7", method="OPTIONS", headers={
        "Origin": "https://a.test", "Access-Control-Request-Method": "GET"})[0] == 204
    assert world.ask("/shared/7", method="PUT")[0] == 404


def test_a_typed_function_with_it_is_not_described_to_everybody(world):
    world.daemon.create("typed", {"main.py": ECHO, "function.yaml": (
        "inputs: {name: string}\nhttp:\n  authorizer:\n"
        f"    issuer: {world.issuer.url}\n    audience: pets\n")})
    assert world.ask("/functions/typed/docs")[0] == 401


def test_the_guard_of_an_api_asks_where_its_routes_do_not(world):
    client = world.daemon.boto("apigatewayv2")
    world.daemon.create("plain", {"main.py": ECHO})
    world.daemon.boto("lambda").add_permission(
        FunctionName="plain", StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")
    arn = world.daemon.boto("lambda").get_function(FunctionName="plain")["Configuration"]["FunctionArn"]
    api = client.create_api(Name="guarded", ProtocolType="HTTP", Target=arn)["ApiId"]
    path = f"/apis/{api}/a"
    assert world.ask(path)[0] == 200
    guard = {"authorizer": {"issuer": world.issuer.url, "audience": "pets"}}
    assert world.daemon.signed("PUT", f"/_evoke/apis/{api}/guard", guard, "apigateway")[0] == 200
    assert world.ask(path)[0] == 401
    assert world.ask(path, world.issuer.token(sub="me"))[2]["jwt"]["claims"]["sub"] == "me"
    shown = json.loads(world.daemon.run("gateway", "routes", "--json").stdout)
    assert {one["authorization"] for one in shown if one.get("apiId") == api} == {"JWT"}


@pytest.mark.parametrize("settings,reason", [
    ("{audience: a}", "authorizer.issuer must be the URL of who makes the tokens"),
    ("{issuer: me, audience: a}", "line 2, column 16: authorizer.issuer must be the URL"),
    ("{issuer: 'https://i.test'}", "authorizer.audience must say for whom tokens are"),
    ("{issuer: 'https://i.test', audience: []}", "authorizer.audience"),
    ("{issuer: 'https://i.test', audience: [1]}", "authorizer.audience"),
    ("{issuer: 'https://i.test', audience: a, from: $context.path}",
     "authorizer.from must be $request.header.NAME or $request.querystring.NAME"),
    ("{issuer: 'https://i.test', audience: a, kind: jwt}", "authorizer"),
])
def test_what_is_wrong_is_refused_with_its_place(world, settings, reason):
    with pytest.raises(ClientError) as refused:
        world.daemon.create("wrong", {"main.py": ECHO, "function.yaml": (
            f"http:\n  authorizer: {settings}\n")})
    assert reason in str(refused.value)
