# SPDX-License-Identifier: Apache-2.0
"""Routes of function.yaml: by method and path as HTTP APIs have them, over many functions."""
import json

import pytest
from botocore.exceptions import ClientError
from evoke_daemon import make_zip

ECHO = """
def handler(event, context):
    return {"function": context.function_name, "routeKey": event["routeKey"],
            "rawPath": event["rawPath"], "parameters": event.get("pathParameters"),
            "context": event["requestContext"]["routeKey"]}
"""
NOT_FOUND = (404, b'{"message":"Not Found"}')


def deploy(daemon, name, routes, more="", **settings):
    listed = "".join(f"    - {json.dumps(route)}\n" for route in routes)
    daemon.create(name, {"main.py": ECHO, "function.yaml": f"http:\n{more}  routes:\n{listed}"},
                  **settings)


def redeploy(daemon, name, yaml):
    client = daemon.boto("lambda")
    client.update_function_code(FunctionName=name,
                                ZipFile=make_zip({"main.py": ECHO, "function.yaml": yaml}))
    daemon.wait_active(client, name)


def ask(daemon, method, path, headers=None):
    connection = daemon.connect()
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read(), dict((k.lower(), v) for k, v in answer.getheaders())


def told(daemon, method, path):
    status, body, _ = ask(daemon, method, path)
    assert status == 200, (status, body)
    return json.loads(body)


@pytest.fixture(scope="module", name="pets")
def _pets(daemon):
    deploy(daemon, "pets", ["GET /pets", "GET /pets/{id}", "GET /pets/new",
                            {"path": "/pets/{id}/photo", "methods": ["PUT", "DELETE"]}])
    deploy(daemon, "writer", ["/pets", "/pets/{id}"], "  methods: [POST, PATCH]\n")
    deploy(daemon, "files", ["/files/{path+}", "GET /files/{name}"])
    return daemon


@pytest.mark.parametrize("method,path,function,key,parameters", [
    ("GET", "/pets", "pets", "GET /pets", None),
    ("GET", "/pets/7", "pets", "GET /pets/{id}", {"id": "7"}),
    ("GET", "/pets/a%20b%2Fc", "pets", "GET /pets/{id}", {"id": "a b/c"}),
    ("GET", "/pets/new", "pets", "GET /pets/new", None),
    ("PUT", "/pets/7/photo", "pets", "PUT /pets/{id}/photo", {"id": "7"}),
    ("DELETE", "/pets/7/photo?x=1", "pets", "DELETE /pets/{id}/photo", {"id": "7"}),
    ("POST", "/pets", "writer", "POST /pets", None),
    ("PATCH", "/pets/7", "writer", "PATCH /pets/{id}", {"id": "7"}),
    ("GET", "/files/a", "files", "GET /files/{name}", {"name": "a"}),
    ("POST", "/files/a", "files", "ANY /files/{path+}", {"path": "a"}),
    ("GET", "/files/a/b/", "files", "ANY /files/{path+}", {"path": "a/b/"}),
])
def test_the_most_exact_route_gets_the_request(pets, method, path, function, key, parameters):
    assert told(pets, method, path) == {
        "function": function, "routeKey": key, "context": key, "rawPath": path.split("?")[0],
        "parameters": parameters}


@pytest.mark.parametrize("method,path", [
    ("DELETE", "/pets"), ("PUT", "/pets/7"), ("GET", "/pets/7/photo"), ("GET", "/pets/"),
    ("GET", "/pets/7/"), ("GET", "/Pets"), ("GET", "/files/"), ("GET", "/files"), ("GET", "/"),
    ("OPTIONS", "/pets")])
def test_what_fits_no_route_is_not_found(pets, method, path):
    assert ask(pets, method, path)[:2] == NOT_FOUND


def test_they_are_shown(pets):
    shown = json.loads(pets.run("gateway", "routes", "--json").stdout)
    of_writer = {(route["method"], route["path"]) for route in shown
                 if route["target"] == "writer" and not route["path"].startswith("/functions/")
                 and not route["path"].startswith("/urls/")}
    assert of_writer == {("POST", "/pets"), ("PATCH", "/pets"), ("POST", "/pets/{id}"),
                         ("PATCH", "/pets/{id}")}
    assert "PUT /pets/{id}/photo" in pets.run("show", "pets").stdout


def test_a_route_of_another_function_refuses_the_deployment(pets):
    client = pets.boto("lambda")
    with pytest.raises(ClientError, match="ResourceConflictException") as refused:
        deploy(pets, "rival", ["POST /other", "GET /pets/{name}"])
    assert ("the function 'pets' has the route 'GET /pets/{name}' already, as 'GET /pets/{id}'"
            in str(refused.value))
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName="rival")
    assert ask(pets, "POST", "/other")[:2] == NOT_FOUND
    with pytest.raises(ClientError, match="ResourceConflictException"):
        redeploy(pets, "writer", "http: {routes: [GET /pets]}\n")
    assert told(pets, "POST", "/pets")["function"] == "writer"  # as it was


@pytest.mark.parametrize("yaml,reason", [
    ("http:\n  routes:\n  - GET /a\n  - GET /a/\n",
     "line 4, column 5: routes[1] is no route: a path other than / does not end with a slash"),
    ("http:\n  route: /functions/x\n", "are the gateway's own"),
    ("http:\n  methods: [FETCH]\n  route: /a\n", "line 2, column 13: methods[0] must be GET"),
])
def test_what_is_no_route_is_refused_with_its_place(daemon, yaml, reason):
    client = daemon.boto("lambda")
    with pytest.raises(client.exceptions.ClientError) as refused:
        daemon.create("wrong", {"main.py": ECHO, "function.yaml": yaml})
    assert reason in str(refused.value)


def test_routes_move_with_the_code(daemon):
    deploy(daemon, "mover", ["GET /from"])
    assert told(daemon, "GET", "/from")["function"] == "mover"
    redeploy(daemon, "mover", "http: {route: GET /to}\n")
    assert ask(daemon, "GET", "/from")[:2] == NOT_FOUND
    assert told(daemon, "GET", "/to")["function"] == "mover"
    deploy(daemon, "heir", ["GET /from"])  # free again
    daemon.boto("lambda").delete_function(FunctionName="heir")
    assert ask(daemon, "GET", "/from")[:2] == NOT_FOUND


def test_a_preflight_is_answered_for_the_route_it_asks_for(daemon):
    deploy(daemon, "shared", ["POST /shared"], "  cors: {origins: [https://a.test]}\n")
    headers = {"Origin": "https://a.test", "Access-Control-Request-Method": "POST"}
    status, _, got = ask(daemon, "OPTIONS", "/shared", headers)
    assert (status, got["access-control-allow-origin"]) == (204, "https://a.test")
    assert ask(daemon, "OPTIONS", "/shared")[:2] == NOT_FOUND
    assert ask(daemon, "OPTIONS", "/shared", {**headers, "Access-Control-Request-Method": "PUT"})[
        :2] == NOT_FOUND


def test_default_gets_what_fits_nothing_else_and_outlives_a_restart(make_daemon):
    daemon = make_daemon()
    deploy(daemon, "rest", ["$default"])
    deploy(daemon, "some", ["GET /some/{id}"])
    for _ in range(2):
        assert told(daemon, "GET", "/some/1")["function"] == "some"
        assert told(daemon, "POST", "/some/1")["routeKey"] == "$default"
        assert told(daemon, "GET", "/")["function"] == "rest"
        assert ask(daemon, "GET", "/urls/x/")[0] == 403  # the gateway's own
        daemon.stop()
        daemon.start()


def test_a_signed_route_is_of_the_function_behind_it(daemon):
    deploy(daemon, "signed", ["GET /signed/{id}"], "  auth: iam\n")
    assert ask(daemon, "GET", "/signed/1")[0] == 403
    assert told_signed(daemon, "/signed/1")["parameters"] == {"id": "1"}


def told_signed(daemon, path):
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    connection = daemon.connect()
    host = f"localhost:{connection.port}"
    request = AWSRequest("GET", f"http://{host}{path}", headers={"Host": host})
    SigV4Auth(Credentials(*daemon.keys()), "lambda", "us-east-1").add_auth(request)
    status, body, _ = ask(daemon, "GET", path, dict(request.headers.items()))
    assert status == 200, body
    return json.loads(body)


def test_the_numbers_of_a_route_are_its_own(daemon):
    deploy(daemon, "counted", ["GET /counted/{id}"])
    for one in range(3):
        told(daemon, "GET", f"/counted/{one}")
    top = json.loads(daemon.run("gateway", "top", "--once", "--json").stdout)
    [row] = [row for row in top["routes"] if row["route"] == "GET /counted/{id}"]
    assert row["requests"] == 3
