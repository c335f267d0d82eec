# SPDX-License-Identifier: Apache-2.0
"""Every route the daemon serves, by every method, for everybody: who passes and who does not.

The routes are not a list of this file. They are asked of the daemon, so a way in that nobody
thought of is either judged by what it says of itself, or fails the test for not saying it.
"""
import collections
import json
import time

import pytest

from support.issuer import Issuer, Key

DAEMON_OPTIONS = ("--upstream-networks", "private")
ECHO = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'in'}\n"
AUTHORIZER = """
def handler(event, context):
    source = event["identitySource"]
    return {"isAuthorized": "friend" in source}
"""
JUDGE = """
def handler(event, context):
    effect = "Allow" if "friend" in event["identitySource"] else "Deny"
    return {"principalId": "p", "policyDocument": {"Version": "2012-10-17", "Statement": [
        {"Action": "execute-api:Invoke", "Effect": effect, "Resource": "arn:*/GET/*"}]}}
"""
# A function that hands out the key of its instance.
INSTANCE = """
import os
def handler(event, context):
    return [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
            os.environ["AWS_SESSION_TOKEN"]]
"""
CLOUD_EVENT = (b'{"specversion": "1.0", "id": "1", "source": "matrix", "type": "cell"}',
               {"Content-Type": "application/cloudevents+json"})
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# What a route says of itself, as far as it decides who passes.
Door = collections.namedtuple("Door", "kind authorizer scopes needs_key")


class World:
    """One daemon with a door of each kind, and everybody who may stand before it."""

    def __init__(self, daemon):
        self.daemon, self.issuer = daemon, Issuer(Key("one"))
        self.client = daemon.boto("apigatewayv2")
        for name, code in (("echo", ECHO), ("simple", AUTHORIZER), ("judge", JUDGE)):
            daemon.create(name, {"main.py": code})
            daemon.boto("lambda").add_permission(
                FunctionName=name, StatementId="gateway", Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com")
        self.names = {}  # of authorizers, by id
        self.make_urls()
        self.make_buses()
        self.api = self.make_api()
        self.keys = self.make_keys()
        self.people = self.make_people()

    # --- doors ---

    def make_urls(self):
        for auth in ("NONE", "AWS_IAM"):
            name = f"url-{auth.lower().replace('_', '-')}"
            self.daemon.create(name, {"main.py": ECHO})
            self.daemon.open_url(name, auth=auth)
        for auth in ("none", "iam"):
            name = f"filed-{auth}"
            self.daemon.create(name, {
                "main.py": ECHO,
                "function.yaml": f"http:\n  route: /{name}/{{rest+}}\n  auth: {auth}\n"})
            self.daemon.create(f"methods-{auth}", {"main.py": ECHO, "function.yaml": (
                f"http:\n  auth: {auth}\n  methods: [POST, PUT]\n  routes:\n"
                f"  - /methods-{auth}\n  - GET /methods-{auth}/{{id}}\n")})

        self.daemon.create("filed-token", {"main.py": ECHO, "function.yaml": (
            "http:\n  routes: [GET /filed-token, '/filed-token/{id}']\n  authorizer:\n"
            f"    issuer: {self.issuer.url}\n    audience: pets\n    scopes: [read]\n")})

        self.daemon.create("filed-asked", {"main.py": ECHO, "function.yaml": (
            "http:\n  routes: [GET /filed-asked, '/filed-asked/{id}']\n  authorizer:\n"
            "    function: simple\n    ttl: 300\n")})

    def make_buses(self):
        events = self.daemon.boto("events")
        events.create_event_bus(Name="closed")
        events.create_event_bus(Name="open")
        events.put_permission(EventBusName="open", Action="events:PutEvents", Principal="*",
                              StatementId="everybody")

    def arn(self, name):
        return self.daemon.boto("lambda").get_function(
            FunctionName=name)["Configuration"]["FunctionArn"]

    def authorizer(self, api, name, **settings):
        made = self.client.create_authorizer(
            ApiId=api, Name=name, IdentitySource=["$request.header.Authorization"],
            **settings)["AuthorizerId"]
        self.names[made] = name
        return made

    def make_api(self):
        client = self.client
        api = client.create_api(Name="matrix", ProtocolType="HTTP")["ApiId"]
        target = "integrations/" + client.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0",
            IntegrationUri=self.arn("echo"))["IntegrationId"]
        token = self.authorizer(api, "token", AuthorizerType="JWT", JwtConfiguration={
            "Issuer": self.issuer.url, "Audience": ["pets"]})
        simple = self.authorizer(api, "simple", AuthorizerType="REQUEST",
                                 AuthorizerUri=self.arn("simple"), EnableSimpleResponses=True,
                                 AuthorizerPayloadFormatVersion="2.0")
        judge = self.authorizer(api, "judge", AuthorizerType="REQUEST",
                                AuthorizerUri=self.arn("judge"),
                                AuthorizerPayloadFormatVersion="2.0",
                                AuthorizerResultTtlInSeconds=300)
        for key, kind, more in (
                ("ANY /open", "NONE", {}),
                ("GET /open/{proxy+}", "NONE", {}),
                ("ANY /token", "JWT", {"AuthorizerId": token}),
                ("GET /token/{id}", "JWT", {"AuthorizerId": token,
                                            "AuthorizationScopes": ["read"]}),
                ("POST /token/{id}", "JWT", {"AuthorizerId": token,
                                             "AuthorizationScopes": ["write"]}),
                ("ANY /simple/{proxy+}", "CUSTOM", {"AuthorizerId": simple}),
                ("ANY /judge", "CUSTOM", {"AuthorizerId": judge}),
                ("ANY /signed", "AWS_IAM", {}),
                ("GET /key", "NONE", {"ApiKeyRequired": True}),
                ("POST /key", "JWT", {"AuthorizerId": token, "ApiKeyRequired": True}),
                ("$default", "JWT", {"AuthorizerId": token})):
            client.create_route(ApiId=api, RouteKey=key, Target=target, AuthorizationType=kind,
                                **more)
        client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        client.create_stage(ApiId=api, StageName="named", AutoDeploy=True)
        return api

    def make_instances(self):
        """Keys of instances: of a function that may call all there is, and of one that may not."""
        called = ["echo", "url-none", "url-aws-iam", "filed-none", "filed-iam", "methods-none",
                  "methods-iam"]
        made = {}
        for name, yaml in (("member", f"calls: {json.dumps(called)}\nbuses: [default, closed]\n"),
                           ("outsider", "calls: [simple]\nbuses: [open]\n")):
            self.daemon.create(name, {"main.py": INSTANCE, "function.yaml": yaml})
            made[name] = self.daemon.invoke(name)[0]
        return made

    # --- people ---

    def make_keys(self):
        client = self.daemon.boto("apigateway")
        made = {}
        stages = [{"apiId": self.api, "stage": stage} for stage in ("$default", "named")]
        plan = client.create_usage_plan(name="matrix", apiStages=stages)["id"]
        for name, enabled, member in (("good", True, True), ("disabled", False, True),
                                      ("planless", True, False)):
            key = client.create_api_key(name=name, enabled=enabled)
            if member:
                client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
            made[name] = key["value"]
        return made

    def make_people(self):
        token = self.issuer.token
        self.signers = {"account": self.daemon.keys(), "forger": [self.daemon.keys()[0], "x" * 40],
                        **self.make_instances()}
        return {
            "nobody": {},
            "stranger": {"Authorization": Key("one").sign(self.issuer.claims())},
            "late": {"Authorization": token(exp=int(time.time()) - 1)},
            "elsewhere": {"Authorization": token(aud="toys")},
            "reader": {"Authorization": "Bearer " + token(scope="read")},
            "writer": {"Authorization": token(scope="write list")},
            "bearer": {"Authorization": token()},
            "friend": {"Authorization": "friend"},
            "foe": {"Authorization": "foe"},
            **{f"{who}-of-{service}": (who, service) for who in self.signers
               for service in ("execute-api", "lambda", "events")},
            "key": {"x-api-key": self.keys["good"]},
            "disabled-key": {"x-api-key": self.keys["disabled"]},
            "planless-key": {"x-api-key": self.keys["planless"]},
            "guessed-key": {"x-api-key": self.keys["good"][:-1]},
            "reader-with-key": {"Authorization": token(scope="read"),
                                "x-api-key": self.keys["good"]},
        }

    def ask(self, connection, method, path, host, who):
        headers = self.people[who]
        body, more = CLOUD_EVENT if path.startswith("/events") else (None, {})
        if isinstance(headers, tuple):
            headers = self.signed(method, path, host, headers, body)
        connection.request(method, path, body, headers={"Host": host, **more, **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def signed(self, method, path, host, signer, body):
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials
        who, service = signer
        request = AWSRequest(method, f"http://{host}{path}", data=body, headers={"Host": host})
        SigV4Auth(Credentials(*self.signers[who]), service, "us-east-1").add_auth(request)
        return dict(request.headers.items())


@pytest.fixture(scope="module")
def world(daemon):
    made = World(daemon)
    yield made
    made.issuer.stop()


# --- who should pass ---

TOKENS = {"reader": {"read"}, "writer": {"write", "list"}, "bearer": set(),
          "reader-with-key": {"read"}}
SIGNERS = {f"{who}-of-{service}" for who in ("account", "forger", "member", "outsider")
           for service in ("execute-api", "lambda", "events")}
HAS_AUTHORIZATION = {"stranger", "late", "elsewhere", "friend", "foe",
                     *SIGNERS, *TOKENS}


def by_token(door, who, _method):
    if who not in TOKENS:
        return 401
    return 200 if not door.scopes or door.scopes & TOKENS[who] else 403


def by_function(door, who, method):
    if who not in HAS_AUTHORIZATION:
        return 401
    if who != "friend":
        return 403
    return 200 if door.authorizer in ("simple", None) or method == "GET" else 403


def by_signature(_door, who, _method):
    return 200 if who in ("account-of-execute-api", "member-of-execute-api") else 403


def by_url_signature(_door, who, _method):
    """What is no signature at all is told so."""
    if who in HAS_AUTHORIZATION - SIGNERS:
        return 400
    return 200 if who in ("account-of-lambda", "member-of-lambda") else 403


def by_bus(door, who, _method):
    """An open bus takes what is not signed; what is must be signed right, and by who may."""
    if door.kind == "NONE" and who not in HAS_AUTHORIZATION:
        return 202
    return 202 if who in ("account-of-events", MEMBERS[door.kind]) else 403


def by_nothing(_door, _who, _method):
    return 200


JUDGES = {"NONE": by_nothing, "JWT": by_token, "CUSTOM": by_function, "AWS_IAM": by_signature}
URL_JUDGES = {"NONE": by_nothing, "AWS_IAM": by_url_signature, "JWT": by_token,
              "CUSTOM": by_function}


# Who of the functions lists the buses of that kind.
MEMBERS = {"NONE": "outsider-of-events", "AWS_IAM": "member-of-events"}
BUS_JUDGES = {"NONE": by_bus, "AWS_IAM": by_bus}
OF_KIND = {"function": URL_JUDGES, "http": JUDGES, "bus": BUS_JUDGES}


def expected(door, who, method, kind):
    """A door of a kind that is not known here fails: KeyError."""
    status = OF_KIND[kind][door.kind](door, who, method)
    if status == 200 and door.needs_key and who not in ("key", "reader-with-key"):
        return 403
    return status


# --- every cell ---

def door_of(world, route):
    names = {name for identity, name in world.names.items()
             if identity == route.get("authorizerId")}
    assert route["authorization"] in ("JWT", "CUSTOM") or not names, route
    return Door(route["authorization"], names.pop() if names else None,
                frozenset(route.get("authorizationScopes", ())),
                bool(route.get("apiKeyRequired")))


def example(path):
    """A request's path that the route's path matches."""
    return path.replace("{proxy+}", "a/b").replace("{rest+}", "a/b").replace("{id}", "7")


def test_every_cell(world):
    routes = json.loads(world.daemon.run("gateway", "routes", "--json").stdout)
    connection, wrong, cells = world.daemon.connect(), [], 0
    of_api = [route for route in routes if route.get("apiId")]
    assert {route["stage"] for route in of_api} == {"$default", "named"}
    for route in routes:
        door = door_of(world, route)
        for method, path, host in requests_of(world, route):
            for who in world.people:
                cells += 1
                status = world.ask(connection, method, path, host, who)
                want = expected(door, who, method, route["kind"])
                if status != want:
                    wrong.append(f"{route} {method} {path} {who}: {status}, not {want}")
    assert not wrong, f"{len(wrong)} of {cells}\n" + "\n".join(wrong[:40])
    assert cells > 3000, cells
    print(f"{len(routes)} routes, {cells} cells")


def requests_of(world, route):
    """The methods the route is for, and its path as clients write it."""
    host = f"localhost:{world.daemon.connect().port}"
    method, path = route["method"], route["path"]
    methods = METHODS if method in ("ANY", "*") else (method,)
    if route.get("apiId"):
        if path == "$default" or method == "$default":
            methods, path = METHODS, "/no/such/route"
        prefix = "" if route["stage"] == "$default" else f"/{route['stage']}"
        path = f"/apis/{route['apiId']}{prefix}{example(path)}"
    else:
        path = example(path)
    return [(one, path, host) for one in methods]


# --- what is no route ---

def test_another_method_of_a_routes_path_is_no_route(world):
    """Of function.yaml's routes, for everybody: 404 whoever asks."""
    routes = json.loads(world.daemon.run("gateway", "routes", "--json").stdout)
    there = {(route["method"], example(route["path"])) for route in routes
             if route["kind"] == "function"}
    paths = {path for method, path in there if path.startswith("/methods-")}
    host, connection, cells = f"localhost:{world.daemon.connect().port}", world.daemon.connect(), 0
    assert len(paths) == 4
    for path in paths:
        for method in METHODS:
            if (method, path) in there:
                continue
            for who in world.people:
                cells += 1
                assert world.ask(connection, method, path, host, who) == 404, (method, path, who)
    print(f"{cells} cells")


def documents(world, api):
    return [f"/apis/{api}/docs", f"/apis/{api}/openapi.json"]


def test_descriptions_tell_everybody_of_open_doors_only(world):
    """Whoever asks gets the same, and nothing of a route that not everybody may use."""
    host, connection = f"localhost:{world.daemon.connect().port}", world.daemon.connect()
    for path in documents(world, world.api):
        for who in world.people:
            assert world.ask(connection, "GET", path, host, who) == 200, (path, who)
    described = json.loads(world.daemon.get(documents(world, world.api)[1])[2])["paths"]
    assert set(described) == {"/open", "/open/{proxy}"}
    guard = f"/_evoke/apis/{world.api}/guard"
    assert world.daemon.signed("PUT", guard, {"docs": "off"}, "apigateway")[0] == 200
    for path in documents(world, world.api):  # now they are $default's, as any path
        for who in world.people:
            door = Door("JWT", "token", frozenset(), False)
            assert (world.ask(connection, "GET", path, host, who)
                    == expected(door, who, "GET", "http")), (path, who)
    assert world.daemon.signed("PUT", guard, {"docs": "all"}, "apigateway")[0] == 200
    described = json.loads(world.daemon.get(documents(world, world.api)[1])[2])["paths"]
    assert {"/signed", "/token/{id}", "/key"} <= set(described)
    world.daemon.signed("DELETE", guard, None, "apigateway")


def test_an_api_of_which_everything_is_protected_is_not_described(world):
    client = world.client
    api = client.create_api(Name="hidden", ProtocolType="HTTP")["ApiId"]
    client.create_route(ApiId=api, RouteKey="GET /signed", AuthorizationType="AWS_IAM")
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    host, connection = f"localhost:{world.daemon.connect().port}", world.daemon.connect()
    for path in documents(world, api):
        for who in world.people:
            assert world.ask(connection, "GET", path, host, who) == 404, (path, who)
    client.delete_api(ApiId=api)
