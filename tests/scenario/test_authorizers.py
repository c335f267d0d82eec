# SPDX-License-Identifier: Apache-2.0
"""Who may use the routes of an API: tokens, functions that authorize, signatures."""
import base64
import http.client
import json
import threading

import pytest

from support.issuer import Issuer, Key, encode

DAEMON_OPTIONS = ("--upstream-networks", "private")
ECHO = """
def handler(event, context):
    return event["requestContext"].get("authorizer")
"""

# What it answers is what the client sent as its token; "n" tells one answer from another.
AUTHORIZER = """
import json, uuid
def handler(event, context):
    token = event["identitySource"]
    token = token[0] if isinstance(token, list) else token.split(",")[0]
    arn = event.get("routeArn") or event["methodArn"]
    def policy(effect, resource, **more):
        return {"principalId": "eva", "context": {"n": uuid.uuid4().hex}, "policyDocument": {
            "Version": "2012-10-17", "Statement": [{"Action": "execute-api:Invoke",
            "Effect": effect, "Resource": resource}]}, **more}
    if token == "yes":
        return {"isAuthorized": True, "context": {"n": uuid.uuid4().hex, "list": [1, {"a": None}]}}
    if token == "no":
        return {"isAuthorized": False}
    if token == "event":
        return {"isAuthorized": True, "context": {"event": event}}
    if token == "allow":
        return policy("Allow", arn)
    if token == "allow-all":
        return policy("Allow", "*")
    if token == "deny":
        return policy("Deny", "*")
    if token == "gets":
        return policy("Allow", arn.split("/")[0] + "/*/GET/*")
    if token == "claims":
        return policy("Allow", "*", context={"claims": "x"})
    if token == "half":
        return {"principalId": "eva", "policyDocument": {"Statement": [{"Effect": "Allow"}]}}
    if token == "event-1":
        return policy("Allow", "*", context={"event": json.dumps(event)})
    if token == "words":
        return "yes"
    raise Exception("Unauthorized")
"""


def function_arn(daemon, name):
    return daemon.boto("lambda").get_function(FunctionName=name)["Configuration"]["FunctionArn"]


def let_gateway(daemon, name):
    daemon.boto("lambda").add_permission(
        FunctionName=name, StatementId="gateway", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")


@pytest.fixture(scope="module")
def functions(daemon):
    daemon.create("echo", {"main.py": ECHO})
    daemon.create("authorizer", {"main.py": AUTHORIZER})
    let_gateway(daemon, "echo")
    let_gateway(daemon, "authorizer")
    return daemon


class Api:
    """An HTTP API in front of the function echo."""

    def __init__(self, daemon, payload="2.0"):
        self.daemon, self.client = daemon, daemon.boto("apigatewayv2")
        self.id = self.client.create_api(Name="pets", ProtocolType="HTTP")["ApiId"]
        self.client.create_stage(ApiId=self.id, StageName="$default", AutoDeploy=True)
        self.target = "integrations/" + self.client.create_integration(
            ApiId=self.id, IntegrationType="AWS_PROXY", PayloadFormatVersion=payload,
            IntegrationUri=function_arn(daemon, "echo"))["IntegrationId"]

    def authorizer(self, kind, **settings):
        settings.setdefault("IdentitySource", ["$request.header.Authorization"])
        return self.client.create_authorizer(ApiId=self.id, AuthorizerType=kind, Name=kind,
                                             **settings)["AuthorizerId"]

    def token_authorizer(self, issuer, audience=("pets",), **settings):
        return self.authorizer("JWT", JwtConfiguration={"Issuer": issuer.url,
                                                        "Audience": list(audience)}, **settings)

    def function_authorizer(self, version="2.0", **settings):
        arn = function_arn(self.daemon, "authorizer")
        return self.authorizer(
            "REQUEST", AuthorizerPayloadFormatVersion=version, **{
                "AuthorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
                                 f"{arn}/invocations",
                "AuthorizerResultTtlInSeconds": 0, **settings})

    def route(self, key, kind="NONE", authorizer=None, **settings):
        if authorizer:
            settings["AuthorizerId"] = authorizer
        return self.client.create_route(ApiId=self.id, RouteKey=key, Target=self.target,
                                        AuthorizationType=kind, **settings)["RouteId"]

    def get(self, path, token=None, method="GET", **headers):
        if token is not None:
            headers["Authorization"] = token
        return ask(self.daemon, method, f"/apis/{self.id}{path}", headers)


def ask(daemon, method, path, headers):
    """Status, headers, JSON."""
    connection = daemon.connect()
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, json.loads(body) if body else None


@pytest.fixture
def api(functions):
    made = Api(functions)
    yield made
    made.client.delete_api(ApiId=made.id)


@pytest.fixture
def issuer():
    made = Issuer(Key("one"))
    yield made
    made.stop()


def refusal(answer):
    status, headers, body = answer
    return status, body, headers["www-authenticate"]


def invalid(reason):
    return (401, {"message": "Unauthorized"},
            f'Bearer scope="" error="invalid_token" error_description="{reason}"')


# --- tokens ---

def test_a_token_lets_pass_and_its_claims_are_strings(api, issuer):
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    token = issuer.token(scope="read write", groups=["admin", "power user"], admin=True, age=7,
                         none=None, deep={"a": [1]})
    status, _, seen = api.get("/pets", f"Bearer {token}")
    assert status == 200, seen
    claims = seen["jwt"]["claims"]
    assert seen["jwt"]["scopes"] is None
    assert claims.pop("iat").isdigit() and claims.pop("exp").isdigit()
    assert claims == {"iss": issuer.url, "aud": "pets", "sub": "eva", "scope": "read write",
                      "groups": "[admin power user]", "admin": "true", "age": "7",
                      "deep": '{"a":[1]}'}
    assert api.get("/pets", token)[0] == 200, "without a scheme"


def test_each_kind_of_key_is_taken(api):
    issuer = Issuer(Key("r"), Key("e", "ES256"), Key("d", "EdDSA"))
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    for key in issuer.keys:
        assert api.get("/pets", key.sign(issuer.claims()))[0] == 200, key.kind
    issuer.stop()


def test_what_is_wrong_with_a_token_is_told(api, issuer):
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    assert refusal(api.get("/pets")) == (401, {"message": "Unauthorized"}, "Bearer")
    assert refusal(api.get("/pets", "")) == (401, {"message": "Unauthorized"}, "Bearer")
    cases = {
        "the token is malformed": "Bearer nonsense",
        "the token does not have a valid audience": issuer.token(aud="other"),
        "the token does not have a valid issuer": issuer.token(iss="http://127.0.0.1:1"),
        "the token has expired": issuer.token(exp=1),
        "the token is not valid yet": issuer.token(nbf=9999999999),
        "the token was issued in the future": issuer.token(iat=9999999999),
        "the token does not have a valid exp claim": issuer.token(exp=None),
        "the token's signature is not valid": Key("one").sign(issuer.claims()),
        "the token's key is not one of its issuer's": Key("two").sign(issuer.claims()),
        "the token is not signed by an accepted algorithm":
            encode(b'{"alg":"none","kid":"one"}') + "." +
            encode(json.dumps(issuer.claims()).encode()) + ".",
    }
    for reason, token in cases.items():
        assert refusal(api.get("/pets", token)) == invalid(reason)


def test_the_public_key_is_no_secret_to_sign_with(api, issuer):
    import hashlib
    import hmac
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    assert api.get("/pets", issuer.token())[0] == 200
    content = ".".join(encode(json.dumps(part).encode())
                       for part in ({"alg": "HS256", "kid": "one"}, issuer.claims()))
    key = json.dumps(issuer.keys[0].jwk()).encode()
    forged = content + "." + encode(hmac.new(key, content.encode(), hashlib.sha256).digest())
    assert api.get("/pets", forged)[0] == 401


def test_client_id_stands_in_for_a_missing_audience(api, issuer):
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    assert api.get("/pets", issuer.token(aud=None, client_id="pets"))[0] == 200
    assert api.get("/pets", issuer.token(aud="other", client_id="pets"))[0] == 401


def test_one_scope_of_the_route_is_needed(api, issuer):
    api.route("GET /pets", "JWT", api.token_authorizer(issuer),
              AuthorizationScopes=["read", "admin"])
    status, _, seen = api.get("/pets", issuer.token(scope="write read"))
    assert (status, seen["jwt"]["scopes"]) == (200, ["write", "read"])
    assert api.get("/pets", issuer.token(scp=["admin"]))[0] == 200
    for claims in ({}, {"scope": "reader write"}, {"scope": ""}):
        status, _, body = api.get("/pets", issuer.token(**claims))
        assert (status, body) == (403, {"message": "Forbidden"})


@pytest.mark.parametrize("scopes, reason", [
    (["a\r\nX-Evil: 1"], "Invalid AuthorizationScopes"), (['a"b'], "Invalid AuthorizationScopes"),
    ([""], "Invalid AuthorizationScopes"), (["a" * 65], "Invalid AuthorizationScopes"),
    ([str(i) for i in range(11)], "A route has at most 10 AuthorizationScopes")])
def test_scopes_that_no_header_carries_are_refused(api, issuer, scopes, reason):
    with pytest.raises(api.client.exceptions.BadRequestException, match=reason):
        api.route("GET /pets", "JWT", api.token_authorizer(issuer), AuthorizationScopes=scopes)


def test_a_token_comes_in_the_query_too(api, issuer):
    api.route("GET /pets", "JWT",
              api.token_authorizer(issuer, IdentitySource=["$request.querystring.token"]))
    assert api.get("/pets?token=" + issuer.token())[0] == 200
    assert api.get("/pets?a=b", issuer.token())[0] == 401


def test_a_function_of_version_1_sees_claims_too(functions, issuer):
    api = Api(functions, payload="1.0")
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    connection = functions.connect()
    connection.request("GET", f"/apis/{api.id}/pets",
                       headers={"Authorization": issuer.token(admin=True)})
    answer = connection.getresponse()
    # Version 1.0 infers no answer: what echo returned is none.
    assert answer.status == 500
    api.client.delete_api(ApiId=api.id)


# --- their keys ---

def test_keys_are_fetched_once_for_many(api, issuer):
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    issuer.hold = threading.Event()
    token, results = issuer.token(), []
    threads = [threading.Thread(target=lambda: results.append(api.get("/pets", token)[0]))
               for _ in range(8)]
    for thread in threads:
        thread.start()
    issuer.hold.set()
    for thread in threads:
        thread.join()
    assert results == [200] * 8
    shards = len({request for request in issuer.asked}) and issuer.asked.count("/keys")
    assert 1 <= shards <= 2, "once for each shard"


def test_a_new_key_is_known_at_once(api, issuer):
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    connection = api.daemon.connect()

    def get(token):
        connection.request("GET", f"/apis/{api.id}/pets", headers={"Authorization": token})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert get(issuer.token()) == 200
    old = issuer.token()
    issuer.keys.insert(0, Key("two"))
    asked = len(issuer.asked)
    # At most every few seconds: until then the key is not known.
    statuses = []
    while not statuses or statuses[-1] != 200:
        statuses.append(get(issuer.token()))
        assert len(statuses) < 100000
    assert set(statuses) <= {200, 401}
    assert len(issuer.asked) == asked + 2, "one discovery and one key set, however often asked"
    assert get(old) == 200
    connection.close()


def test_old_keys_serve_while_their_issuer_is_down(api):
    issuer = Issuer(Key("one"))
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    connection = api.daemon.connect()
    token, other = issuer.token(), Key("two").sign(issuer.claims())

    def get(given):
        connection.request("GET", f"/apis/{api.id}/pets", headers={"Authorization": given})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers["www-authenticate"]

    assert get(token)[0] == 200
    issuer.stop()
    assert get(other)[0] == 401
    assert get(token)[0] == 200
    connection.close()


@pytest.mark.parametrize("key_set", [b"nonsense", b"{}", b'{"keys": ' + b" " * 150000 + b"[]}"])
def test_an_issuer_that_answers_nonsense_lets_nobody_in(api, issuer, key_set):
    issuer.key_set = key_set
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    assert refusal(api.get("/pets", issuer.token())) == \
        invalid("the keys of the token's issuer cannot be fetched")


def test_an_issuer_that_is_slow_is_not_waited_for_long(api, issuer):
    issuer.hold = threading.Event()
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    assert refusal(api.get("/pets", issuer.token())) == \
        invalid("the keys of the token's issuer cannot be fetched")
    issuer.hold.set()


def test_who_goes_while_keys_are_fetched_harms_nobody(api, issuer):
    issuer.hold = threading.Event()
    api.route("GET /pets", "JWT", api.token_authorizer(issuer))
    for _ in range(4):
        connection = api.daemon.connect()
        connection.request("GET", f"/apis/{api.id}/pets",
                           headers={"Authorization": issuer.token()})
        connection.close()
    issuer.hold.set()
    assert api.get("/pets", issuer.token())[0] in (200, 401)
    assert api.daemon.get("/", which="api")[0] is not None


# --- functions ---

def test_a_simple_answer_decides(api):
    api.route("GET /pets", "CUSTOM", api.function_authorizer(EnableSimpleResponses=True))
    status, _, seen = api.get("/pets", "yes")
    assert status == 200 and set(seen["lambda"]) == {"n", "list"}
    assert seen["lambda"]["list"] == [1, {"a": None}]
    assert refusal(api.get("/pets", "no")) == (403, {"message": "Forbidden"}, None)
    assert refusal(api.get("/pets")) == (401, {"message": "Unauthorized"}, None)
    for token in ("allow", "words", "raise"):
        assert refusal(api.get("/pets", token)) == (500, {"message": "Internal Server Error"}, None)


def test_a_policy_decides(api):
    authorizer = api.function_authorizer()
    api.route("ANY /pets/{id}", "CUSTOM", authorizer)
    status, _, seen = api.get("/pets/7", "allow")
    assert status == 200 and set(seen["lambda"]) == {"n"}
    assert api.get("/pets/7", "gets")[0] == 200
    assert api.get("/pets/7", "gets", method="POST")[0] == 403
    assert refusal(api.get("/pets/7", "deny")) == (403, {"message": "Forbidden"}, None)
    for token in ("half", "yes", "words"):
        assert api.get("/pets/7", token)[0] == 500, token


def test_a_function_is_told_who_asks_for_what(api):
    api.route("GET /pets/{id}", "CUSTOM", api.function_authorizer(EnableSimpleResponses=True))
    event = api.get("/pets/7?a=b", "event", Cookie="c=d")[2]["lambda"]["event"]
    assert event["version"] == "2.0" and event["type"] == "REQUEST"
    assert event["routeArn"] == \
        f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/$default/GET/pets/7"
    assert event["identitySource"] == ["event"]
    assert event["routeKey"] == "GET /pets/{id}" and event["rawQueryString"] == "a=b"
    assert event["pathParameters"] == {"id": "7"} and event["cookies"] == ["c=d"]
    assert event["headers"]["authorization"] == "event" and "body" not in event
    assert event["requestContext"]["http"]["method"] == "GET"
    assert "authorizer" not in event["requestContext"]


def test_version_1_has_its_own_event_and_rules(api):
    api.route("GET /pets", "CUSTOM", api.function_authorizer("1.0"))
    event = json.loads(api.get("/pets", "event-1")[2]["lambda"]["event"])
    assert event["version"] == "1.0" and event["type"] == "REQUEST"
    assert event["identitySource"] == event["authorizationToken"] == "event-1"
    assert event["methodArn"].endswith(f":{api.id}/$default/GET/pets")
    assert event["httpMethod"] == "GET"
    assert api.get("/pets", "claims")[0] == 500


def same_connection(api, *requests):
    """A shard keeps answers for itself: one connection is one shard."""
    connection = api.daemon.connect()
    seen = []
    for method, path, token in requests:
        connection.request(method, f"/apis/{api.id}{path}", headers={"Authorization": token})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        seen.append((answer.status, (body.get("lambda") or {}).get("n")))
    connection.close()
    return seen


def test_answers_are_kept_for_who_asked(api):
    authorizer = api.function_authorizer(AuthorizerResultTtlInSeconds=300)
    api.route("GET /pets", "CUSTOM", authorizer)
    api.route("GET /toys", "CUSTOM", authorizer)
    first, second, other = same_connection(api, ("GET", "/pets", "allow-all"),
                                           ("GET", "/toys", "allow-all"), ("GET", "/pets", "gets"))
    assert first[0] == 200 and first == second, "shared by the routes of the authorizer"
    assert other[0] == 200 and other[1] != first[1], "but not by clients"


def test_a_kept_policy_is_asked_for_each_route(api):
    authorizer = api.function_authorizer(AuthorizerResultTtlInSeconds=300)
    api.route("GET /pets", "CUSTOM", authorizer)
    api.route("GET /toys", "CUSTOM", authorizer)
    statuses = [status for status, _ in same_connection(
        api, ("GET", "/pets", "allow"), ("GET", "/toys", "allow"), ("GET", "/pets", "allow"))]
    assert statuses == [200, 403, 200]


def test_nothing_is_kept_without_a_time(api):
    api.route("GET /pets", "CUSTOM", api.function_authorizer())
    first, second = same_connection(api, *[("GET", "/pets", "allow")] * 2)
    assert first[0] == second[0] == 200 and first != second


def test_the_route_can_be_part_of_the_key(api):
    authorizer = api.function_authorizer(
        AuthorizerResultTtlInSeconds=300,
        IdentitySource=["$request.header.Authorization", "$context.routeKey"])
    api.route("GET /pets", "CUSTOM", authorizer)
    api.route("GET /toys", "CUSTOM", authorizer)
    first, second, third = same_connection(
        api, ("GET", "/pets", "allow"), ("GET", "/toys", "allow"), ("GET", "/pets", "allow"))
    assert first[0] == second[0] == 200 and first != second and first == third


def test_the_cache_is_reset(api):
    api.route("GET /pets", "CUSTOM", api.function_authorizer(AuthorizerResultTtlInSeconds=300))
    connection = api.daemon.connect()

    def get():
        connection.request("GET", f"/apis/{api.id}/pets", headers={"Authorization": "allow"})
        return json.loads(connection.getresponse().read())["lambda"]["n"]

    first = get()
    assert get() == first
    api.client.reset_authorizers_cache(ApiId=api.id, StageName="$default")
    assert get() != first
    connection.close()


def test_a_function_that_does_not_let_the_gateway_is_not_asked(functions, api):
    functions.create("closed", {"main.py": AUTHORIZER})
    arn = function_arn(functions, "closed")
    api.route("GET /pets", "CUSTOM", api.function_authorizer(AuthorizerUri=arn))
    assert api.get("/pets", "allow")[0] == 500
    functions.boto("lambda").add_permission(
        FunctionName="closed", StatementId="g", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:000000000000:{api.id}/authorizers/*")
    assert api.get("/pets", "allow")[0] == 200


# --- signatures ---

def test_a_signature_lets_pass(api):
    api.route("GET /pets", "AWS_IAM")
    path = f"/apis/{api.id}/pets"
    status, headers, body = signed(api.daemon, path)
    assert status == 200, body
    iam = body["iam"]
    assert iam["accountId"] == "000000000000" and iam["userArn"].endswith(":root")
    assert iam["accessKey"].startswith("AKIA")
    for answer in (ask(api.daemon, "GET", path, {}), signed(api.daemon, path, service="lambda"),
                   signed(api.daemon, path, secret="x" * 40)):
        assert (answer[0], answer[2]) == (403, {"message": "Forbidden"})


def signed(daemon, path, service="execute-api", secret=None):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials
    key, right = daemon.keys()
    connection = daemon.connect()
    host = f"{connection.host}:{connection.port}"
    request = botocore.awsrequest.AWSRequest("GET", f"http://{host}{path}")
    credentials = botocore.credentials.Credentials(key, secret or right)
    botocore.auth.SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return ask(daemon, "GET", path, {"Host": host, **dict(request.headers)})
