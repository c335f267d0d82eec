# SPDX-License-Identifier: Apache-2.0
"""A warm C function by a route of an HTTP API and by one of its function.yaml, against its own URL;
and by one of 10,000 routes against one of one: in an API, and over 100 functions. What deploying
costs beside 10,000 routes."""
import contextlib
import json
import pathlib
import tempfile
import time

import peers

BODY = '{"message":"hello from the function"}'
SOURCE = r'''
#include "evoke.h"
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond(context, "{\"message\":\"hello from the function\"}");
}
int main(void)
{
    return evoke_run(handler, NULL);
}
'''
MANY, FUNCTIONS = 10_000, 100
BOOTSTRAP = peers.c_function(SOURCE)


def route(index):
    """Route keys of one shape, as a large API has them, and a path of each."""
    return f"GET /v1/group{index % FUNCTIONS}/item{index}/{{id}}"


def path(index):
    return route(index).split()[1].replace("{id}", "4711")


def files(routes):
    return {"bootstrap": (BOOTSTRAP, 0o755), "function.yaml": json.dumps({"http": {"routes": routes}})}


def create(daemon, name, routes):
    daemon.create(name, files(routes), runtime="provided.al2023", handler="bootstrap")


def make_api(daemon, function, routes):
    """Of that function alone, by one import: its id, and how long it took."""
    lambda_, client = daemon.boto("lambda"), daemon.boto("apigatewayv2")
    arn = lambda_.get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    integration = {"type": "aws_proxy", "httpMethod": "POST", "payloadFormatVersion": "2.0",
                   "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
                          f"{arn}/invocations"}
    document = {"openapi": "3.0.1", "info": {"title": "routes", "version": "1"}, "paths": {
        key.split()[1]: {"get": {"responses": {}, "x-amazon-apigateway-integration": {
            "$ref": "#/components/x-amazon-apigateway-integrations/one"}}} for key in routes},
        "components": {"x-amazon-apigateway-integrations": {"one": integration}}}
    began = time.monotonic()
    api = client.import_api(Body=json.dumps(document))["ApiId"]
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return api, time.monotonic() - began


def permit(daemon, function):
    daemon.boto("lambda").add_permission(
        FunctionName=function, StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")


@contextlib.contextmanager
def in_turn(prefix, indexes):
    """A script for wrk that asks for each of those routes, one after the other."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        listed = ",".join(f'"{prefix}{path(index)}"' for index in indexes)
        script.write(f"""local paths, all, next = {{{listed}}}, {{}}, 0
function init(args)
  for i, one in ipairs(paths) do all[i] = wrk.format("GET", one) end
end
function request()
  next = next % #all + 1
  return all[next]
end
""")
        script.flush()
        yield pathlib.Path(script.name)


def against_the_url(daemon):
    create(daemon, "one", [route(0)])
    permit(daemon, "one")
    api, _ = make_api(daemon, "one", [route(0)])
    url = daemon.run("url", "one").stdout.strip()
    sides = {"a route of an HTTP API": f"{daemon.gateway}/apis/{api}{path(0)}",
             "a route of function.yaml": daemon.gateway + path(0)}
    for name, side in sides.items():
        assert peers.ask(side).decode() == peers.ask(url).decode() == BODY
        for connections in (32, 1):
            peers.compare(name, side, url, connections, {"rate": 0.95}, peer="its URL")


def many_of_an_api(daemon):
    few, _ = make_api(daemon, "one", [route(0)])
    many, took = make_api(daemon, "one", [route(index) for index in range(MANY)])
    peers.show_value(f"an API of {MANY:,} routes, import and stage", took, "s", 10)
    with in_turn(f"/apis/{many}", range(MANY)) as ours, in_turn(f"/apis/{few}", [0]) as theirs:
        peers.compare(f"an API of {MANY:,} routes", daemon.gateway, daemon.gateway, 32,
                      {"rate": 0.95}, peer="of one", script=(ours, theirs))


def many_of_functions():
    with peers.evoke() as few, peers.evoke() as many:
        create(few, "f0", [route(index) for index in range(0, MANY, FUNCTIONS)][:1])
        began = time.monotonic()
        for one in range(FUNCTIONS):
            create(many, f"f{one}", [route(index) for index in range(one, MANY, FUNCTIONS)])
        took = time.monotonic() - began
        print(f"{FUNCTIONS} functions of {MANY // FUNCTIONS} routes each deployed in {took:.1f} s")
        for name, daemon in (("1 route", few), (f"{MANY:,} routes", many)):
            began = time.monotonic()
            create(daemon, "last", ["GET /last"])
            print(f"one more function beside {name}: {1000 * (time.monotonic() - began):.0f} ms")
        with in_turn("", range(0, MANY, FUNCTIONS)) as ours, in_turn("", [0]) as theirs:
            peers.compare(f"{MANY:,} routes over {FUNCTIONS} functions", many.gateway, few.gateway,
                          32, {"rate": 0.95}, peer="one", script=(ours, theirs))


if __name__ == "__main__":
    with peers.evoke() as one_daemon:
        against_the_url(one_daemon)
        many_of_an_api(one_daemon)
    many_of_functions()
