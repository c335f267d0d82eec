# SPDX-License-Identifier: Apache-2.0
"""Access logs of stages: a line for each request in a log group, as the stage's format says."""
import http.server
import json
import threading

import pytest

from evoke_daemon import wait_until

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:"
FORMAT = json.dumps({name.replace(".", "_"): f"$context.{name}" for name in (
    "requestId", "routeKey", "status", "error.message", "error.responseType", "integration.status",
    "integration.integrationStatus", "integration.error", "identity.userAgent", "stage", "apiId",
    "authorizer.principalId")})


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(418)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def upstream():
    server = http.server.HTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


def lines(daemon, group):
    logs = daemon.boto("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    if not groups:
        return []
    return [event["message"] for event in logs.filter_log_events(logGroupName=group)["events"]]


def add(gateway, made, key, **integration):
    target = gateway.create_integration(ApiId=made, **integration)["IntegrationId"]
    gateway.create_route(ApiId=made, RouteKey=key, Target="integrations/" + target)


def test_each_request_is_a_line_of_the_group(make_daemon, upstream):
    daemon = make_daemon("--upstream-networks", "private")
    gateway = daemon.boto("apigatewayv2")
    daemon.create("f", {"main.py": "def handler(event, context):\n"
                                   "    if event['rawPath'] == '/f/bad':\n"
                                   "        raise ValueError('no')\n"
                                   "    return {'statusCode': 201}\n"})
    daemon.boto("lambda").add_permission(
        FunctionName="f", StatementId="gateway", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")
    made = gateway.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    add(gateway, made, "GET /f/{proxy+}", IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0",
        IntegrationUri="arn:aws:lambda:us-east-1:000000000000:function:f")
    add(gateway, made, "GET /tea", IntegrationType="HTTP_PROXY", PayloadFormatVersion="1.0",
        IntegrationUri=upstream, IntegrationMethod="GET")
    add(gateway, made, "GET /gone", IntegrationType="HTTP_PROXY", PayloadFormatVersion="1.0",
        IntegrationUri="http://127.0.0.1:1/", IntegrationMethod="GET")
    gateway.create_stage(ApiId=made, StageName="$default", AutoDeploy=True, AccessLogSettings={
        "DestinationArn": ARN + "/apis/one", "Format": FORMAT})
    ids = []
    for path in ("/f/good", "/f/bad", "/tea", "/gone", "/none"):
        status, headers, _ = daemon.get(f"/apis/{made}{path}", headers={"User-Agent": 'a"b'})
        ids.append(headers["apigw-requestid"])
    wait_until(lambda: len(lines(daemon, "/apis/one")) == 5, "lines")
    told = {one["requestId"]: one for one in map(json.loads, lines(daemon, "/apis/one"))}
    good, bad, tea, gone = (told[one] for one in ids[:4])
    assert good["status"] == "201" and good["integration_status"] == "201"
    assert good["integration_integrationStatus"] == "200" and good["error_message"] == "-"
    assert good["routeKey"] == "GET /f/{proxy+}" and good["identity_userAgent"] == 'a"b'
    assert (good["stage"], good["apiId"]) == ("$default", made)
    assert (bad["status"], bad["error_message"]) == ("500", "Internal Server Error")
    assert bad["integration_error"] == "the function returned an error"
    assert bad["error_responseType"] == "INTEGRATION_FAILURE"
    assert (tea["status"], tea["integration_status"]) == ("418", "418")
    assert (gone["status"], gone["error_message"]) == ("503", "Service Unavailable")
    assert gone["integration_error"] and gone["integration_status"] == "-"
    assert gone["error_responseType"] == "INTEGRATION_FAILURE"
    none = told[ids[4]]
    assert (none["status"], none["routeKey"], none["error_message"]) == ("404", "-", "Not Found")


def test_settings_hold_at_once_and_can_be_taken_away(daemon):
    gateway = daemon.boto("apigatewayv2")
    made = gateway.create_api(Name="a", ProtocolType="HTTP", Target="http://127.0.0.1:1/")["ApiId"]
    logged = []
    for format_ in ("one $context.status", "two $context.routeKey"):
        gateway.update_stage(ApiId=made, StageName="$default", AccessLogSettings={
            "DestinationArn": ARN + "/apis/two:*", "Format": format_})
        daemon.get(f"/apis/{made}/x")
        logged.append("one 503" if not logged else "two $default")
        wait_until(lambda: lines(daemon, "/apis/two") == logged, "lines")
    gateway.delete_access_log_settings(ApiId=made, StageName="$default")
    daemon.get(f"/apis/{made}/x")
    gateway.update_stage(ApiId=made, StageName="$default", AccessLogSettings={
        "DestinationArn": ARN + "/apis/two", "Format": "three"})
    daemon.get(f"/apis/{made}/x")
    wait_until(lambda: lines(daemon, "/apis/two") == [*logged, "three"], "lines")
