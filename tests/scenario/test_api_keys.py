# SPDX-License-Identifier: Apache-2.0
"""API keys and usage plans, by the older API that has them."""
import datetime

import botocore.exceptions
import pytest

from evoke_daemon import stay_within_the_day


@pytest.fixture
def client(daemon):
    return daemon.boto("apigateway")


@pytest.fixture
def stage(daemon):
    http = daemon.boto("apigatewayv2")
    api = http.create_api(Name="keyed", ProtocolType="HTTP",
                          Target="http://127.0.0.1:1/")["ApiId"]
    yield {"apiId": api, "stage": "$default"}


def refused(call, *arguments, **keywords):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*arguments, **keywords)
    response = caught.value.response
    return (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"],
            response["Error"]["Message"])


def test_a_key_is_made_shown_and_changed(client):
    made = client.create_api_key(name="one", enabled=True, tags={"a": "b"})
    assert len(made["value"]) == 40 and made["enabled"] and made["tags"] == {"a": "b"}
    assert made["createdDate"].year >= 2026
    assert "value" not in client.get_api_key(apiKey=made["id"])
    assert client.get_api_key(apiKey=made["id"], includeValue=True)["value"] == made["value"]
    changed = client.update_api_key(apiKey=made["id"], patchOperations=[
        {"op": "replace", "path": "/enabled", "value": "false"},
        {"op": "replace", "path": "/description", "value": "text"}])
    assert not changed["enabled"] and changed["description"] == "text"
    assert "Invalid patch path '/x'" in refused(
        client.update_api_key, apiKey=made["id"],
        patchOperations=[{"op": "replace", "path": "/x", "value": "1"}])[2]
    assert client.delete_api_key(apiKey=made["id"])["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert refused(client.get_api_key, apiKey=made["id"]) == (
        "NotFoundException", 404, "Invalid API Key identifier specified")


def test_a_value_is_long_and_unique(client):
    value = "0123456789-0123456789"
    client.create_api_key(name="given", value=value)
    assert refused(client.create_api_key, value=value) == (
        "ConflictException", 409, "API Key already exists")
    assert refused(client.create_api_key, value="short") == (
        "BadRequestException", 400, "API Key value should be at least 20 characters")


def test_keys_are_listed_in_pages(client):
    made = {client.create_api_key(name=f"page-{i}")["id"] for i in range(5)}
    seen = []
    for page in client.get_paginator("get_api_keys").paginate(
            nameQuery="page-", PaginationConfig={"PageSize": 2}):
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
    assert set(seen) == made and len(seen) == 5


def test_a_plan_has_stages_and_keys(client, stage):
    plan = client.create_usage_plan(
        name="basic", apiStages=[stage], throttle={"rateLimit": 10.5, "burstLimit": 20},
        quota={"limit": 1000, "period": "MONTH"})
    assert plan["throttle"] == {"rateLimit": 10.5, "burstLimit": 20}
    assert plan["apiStages"] == [stage] and plan["quota"]["period"] == "MONTH"
    key = client.create_api_key(name="member", enabled=True)
    member = client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"],
                                          keyType="API_KEY")
    assert member["value"] == key["value"] and member["type"] == "API_KEY"
    assert refused(client.create_usage_plan_key, usagePlanId=plan["id"], keyId=key["id"],
                   keyType="API_KEY")[:2] == ("ConflictException", 409)
    assert [one["id"] for one in client.get_usage_plan_keys(
        usagePlanId=plan["id"])["items"]] == [key["id"]]
    assert [one["id"] for one in client.get_usage_plans(keyId=key["id"])["items"]] == [plan["id"]]
    changed = client.update_usage_plan(usagePlanId=plan["id"], patchOperations=[
        {"op": "replace", "path": "/throttle/rateLimit", "value": "5"},
        {"op": "remove", "path": "/quota"},
        {"op": "remove", "path": "/apiStages", "value": f"{stage['apiId']}:{stage['stage']}"}])
    assert changed["throttle"]["rateLimit"] == 5 and "quota" not in changed
    assert changed["apiStages"] == []
    client.delete_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"])
    assert client.get_usage_plan_keys(usagePlanId=plan["id"])["items"] == []
    client.delete_usage_plan(usagePlanId=plan["id"])
    assert refused(client.get_usage_plan, usagePlanId=plan["id"]) == (
        "NotFoundException", 404, "Invalid Usage Plan ID specified")


def test_a_wrong_plan_is_refused(client, stage):
    assert refused(client.create_usage_plan, name="x", quota={"limit": 0, "period": "DAY"})[:2] == (
        "BadRequestException", 400)
    assert refused(client.create_usage_plan, name="x", apiStages=[{"apiId": "a", "stage": "b"}])[
        2] == "API Stage not found: a:b"
    plan = client.create_usage_plan(name="x", apiStages=[stage])
    assert refused(client.delete_usage_plan, usagePlanId=plan["id"])[:2] == (
        "BadRequestException", 400)


# --- what a plan lets pass; 503: it passed, and its integration may not call this machine ---

@pytest.mark.parametrize("plan, passed, message", [
    ({"throttle": {"rateLimit": 0.01, "burstLimit": 2}}, 2, b"Too Many Requests"),
    ({"quota": {"limit": 3, "period": "DAY"}}, 3, b"Limit Exceeded")])
def test_a_plan_says_how_much_a_key_may(daemon, client, stage, plan, passed, message):
    stay_within_the_day()
    http = daemon.boto("apigatewayv2")
    [route] = http.get_routes(ApiId=stage["apiId"])["Items"]
    http.update_route(ApiId=stage["apiId"], RouteId=route["RouteId"], ApiKeyRequired=True)
    made = client.create_usage_plan(name="p", apiStages=[stage], **plan)
    keys = [client.create_api_key(name=f"k{i}", enabled=True) for i in range(2)]
    for key in keys:
        client.create_usage_plan_key(usagePlanId=made["id"], keyId=key["id"], keyType="API_KEY")
    path = f"/apis/{stage['apiId']}/x"
    assert daemon.get(path)[0] == 403
    for key in keys:  # each has a share of its own
        answers = [daemon.get(path, headers={"x-api-key": key["value"]}) for _ in range(passed + 2)]
        assert [status for status, _, _ in answers] == [503] * passed + [429] * 2
        assert message in answers[-1][2] and int(answers[-1][1]["retry-after"]) >= 1


def test_a_method_may_have_a_throttle_of_its_own(daemon, client, stage):
    http = daemon.boto("apigatewayv2")
    [integration] = http.get_integrations(ApiId=stage["apiId"])["Items"]
    for key in ("GET /slow/{id}", "GET /quick"):
        http.create_route(ApiId=stage["apiId"], RouteKey=key, ApiKeyRequired=True,
                          Target="integrations/" + integration["IntegrationId"])
    slow = {"rateLimit": 0.01, "burstLimit": 1}
    plan = client.create_usage_plan(name="p", throttle={"rateLimit": 0.01, "burstLimit": 4},
                                    apiStages=[{**stage, "throttle": {"/slow/{id}/GET": slow}}])
    assert plan["apiStages"][0]["throttle"] == {"/slow/{id}/GET": slow}
    key = client.create_api_key(name="k", enabled=True)
    client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")

    def statuses(path, count):
        return [daemon.get(f"/apis/{stage['apiId']}{path}", headers={"x-api-key": key["value"]})[0]
                for _ in range(count)]

    assert statuses("/slow/1", 2) == [503, 429] and statuses("/quick", 5) == [503] * 4 + [429]
    path = f"/apiStages/{stage['apiId']}:{stage['stage']}/throttle"
    changed = client.update_usage_plan(usagePlanId=plan["id"], patchOperations=[
        {"op": "replace", "path": path + "//slow/{id}/GET/burstLimit", "value": "3"},
        {"op": "add", "path": path + "/$default/rateLimit", "value": "1.5"}])
    assert changed["apiStages"][0]["throttle"] == {
        "/slow/{id}/GET": {"rateLimit": 0.01, "burstLimit": 3}, "$default": {"rateLimit": 1.5}}
    assert statuses("/slow/1", 3) == [503, 503, 429]
    changed = client.update_usage_plan(usagePlanId=plan["id"], patchOperations=[
        {"op": "remove", "path": path + "/slow/{id}/GET"}, {"op": "remove", "path": path}])
    assert "throttle" not in changed["apiStages"][0]
    assert refused(client.update_usage_plan, usagePlanId=plan["id"], patchOperations=[
        {"op": "replace", "path": path + "/x/GET/rateLimit", "value": "soon"}])[0] == "BadRequestException"
    assert refused(client.create_usage_plan, name="x", apiStages=[
        {**stage, "throttle": {"/x/GET": {"rateLimit": -1}}}])[0] == "BadRequestException"


def make_planned(daemon, quota, count):
    """An API behind keys of a plan, for a test that counts by the day: (API, plan, keys)."""
    stay_within_the_day()
    client, http = daemon.boto("apigateway"), daemon.boto("apigatewayv2")
    api = http.create_api(Name="keyed", ProtocolType="HTTP", Target="http://127.0.0.1:1/")["ApiId"]
    [route] = http.get_routes(ApiId=api)["Items"]
    http.update_route(ApiId=api, RouteId=route["RouteId"], ApiKeyRequired=True)
    plan = client.create_usage_plan(name="p", quota=quota,
                                    apiStages=[{"apiId": api, "stage": "$default"}])["id"]
    keys = [client.create_api_key(name=f"k{i}", enabled=True) for i in range(count)]
    for key in keys:
        client.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    return api, plan, keys


def test_what_remains_to_a_key_may_be_changed(make_daemon):
    daemon = make_daemon()
    client = daemon.boto("apigateway")
    api, plan, keys = make_planned(daemon, {"limit": 3, "period": "MONTH"}, 2)

    def statuses(count, key=keys[0]):
        return [daemon.get(f"/apis/{api}/x", headers={"x-api-key": key["value"]})[0]
                for _ in range(count)]

    def remaining(value, **more):
        return client.update_usage(**{
            "usagePlanId": plan, "keyId": keys[0]["id"],
            "patchOperations": [{"op": "replace", "path": "/remaining", "value": value}], **more})

    assert statuses(4) == [503, 503, 503, 429]
    told = remaining("2")
    assert (told["usagePlanId"], told["startDate"]) == (plan, told["endDate"])
    assert told["items"] == {keys[0]["id"]: [[3, 2]]}
    dates = {name: told[name] for name in ("startDate", "endDate")}
    assert client.get_usage(usagePlanId=plan, **dates)["items"] == {
        keys[0]["id"]: [[3, 2]], keys[1]["id"]: [[0, 3]]}
    daemon.stop()
    daemon.start()
    client = daemon.boto("apigateway")
    assert statuses(3) == [503, 503, 429]
    assert statuses(4, keys[1]) == [503, 503, 503, 429]  # nobody else has more
    assert client.get_usage(usagePlanId=plan, keyId=keys[0]["id"], **dates)["items"] == {
        keys[0]["id"]: [[5, 0]]}
    remaining("5")
    assert remaining("0")["items"] == {keys[0]["id"]: [[5, 0]]}
    assert statuses(1) == [429]
    for wrong in ({"keyId": "none"}, {"usagePlanId": "none"}):
        assert refused(remaining, "1", **wrong)[0] == "NotFoundException"
    for operation in ({"op": "replace", "path": "/remaining", "value": "many"},
                      {"op": "replace", "path": "/remaining", "value": "-1"},
                      {"op": "replace", "path": "/limit", "value": "1"},
                      {"op": "remove", "path": "/remaining"}):
        assert refused(remaining, "", patchOperations=[operation])[0] == "BadRequestException"
    assert refused(remaining, "", patchOperations=[])[2] == \
        "UpdateUsage replaces /remaining by a number of requests, 0 to 2147483647"
    client.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "remove", "path": "/quota"}])
    assert "has no quota" in refused(remaining, "1")[2]


def test_usage_is_told_by_key_and_day_and_survives_a_restart(make_daemon):
    daemon = make_daemon()
    client = daemon.boto("apigateway")
    made, plan, keys = make_planned(daemon, {"limit": 5, "period": "DAY"}, 3)
    for key, count in zip(keys, (3, 7, 0)):
        for _ in range(count):
            daemon.get(f"/apis/{made}/x", headers={"x-api-key": key["value"]})
    today = datetime.datetime.now(datetime.timezone.utc).date()
    dates = {"startDate": str(today - datetime.timedelta(days=1)), "endDate": str(today)}
    usage = client.get_usage(usagePlanId=plan, **dates)
    want = {keys[0]["id"]: [[0, 5], [3, 2]], keys[1]["id"]: [[0, 5], [5, 0]],
            keys[2]["id"]: [[0, 5], [0, 5]]}
    assert usage["items"] == want and usage["usagePlanId"] == plan
    assert (usage["startDate"], usage["endDate"]) == tuple(dates.values())
    assert client.get_usage(usagePlanId=plan, keyId=keys[1]["id"], **dates)["items"] == {
        keys[1]["id"]: want[keys[1]["id"]]}
    seen = {}
    for page in client.get_paginator("get_usage").paginate(
            usagePlanId=plan, PaginationConfig={"PageSize": 2}, **dates):
        assert len(page["items"]) <= 2
        seen |= page["items"]
    assert seen == want
    daemon.stop()
    daemon.start()
    client = daemon.boto("apigateway")
    assert client.get_usage(usagePlanId=plan, **dates)["items"] == want
    client.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "remove", "path": "/quota"}])
    assert client.get_usage(usagePlanId=plan, **dates)["items"][keys[0]["id"]] == [[0, -1], [3, -1]]
    for wrong in ({"startDate": "yesterday"}, {"startDate": "2026-01-02", "endDate": "2026-01-01"},
                  {"startDate": "2020-01-01"}):
        assert refused(client.get_usage, usagePlanId=plan, **{**dates, **wrong})[0] == "BadRequestException"
    assert refused(client.get_usage, usagePlanId="none", **dates)[0] == "NotFoundException"


def test_a_throttle_that_is_no_number_is_refused_before_it_is_stored(daemon, client, stage):
    """It was stored, and no change of any key or plan was served from then on."""
    for wrong in ({"rateLimit": "x"}, {"rateLimit": True}, {"burstLimit": 1.5}, {"burstLimit": "x"}, {"rateLimit": -1}, 5):
        status, answer = daemon.signed("POST", "/usageplans", {"name": "wrong", "apiStages": [
            {**stage, "throttle": {"/pets/GET": wrong}}]}, "apigateway")
        assert status == 400 and "numbers of at least 0" in answer["message"], wrong
    assert "wrong" not in [plan["name"] for plan in client.get_usage_plans(limit=500)["items"]]
    assert client.create_api_key(name="after")["name"] == "after"
    settings = f"/v2/apis/{stage['apiId']}/stages/$default"
    for wrong in ({"throttlingRateLimit": "x"}, {"throttlingBurstLimit": "x"}, 5):
        status, answer = daemon.signed("PATCH", settings, {"routeSettings": {"$default": wrong}}, "apigateway")
        assert status == 400 and "numbers of at least 0" in answer["message"], wrong


AUTHORIZER = """
def handler(event, context):
    return {"isAuthorized": True, "usageIdentifierKey": event["identitySource"][0]}
"""


def test_an_authorizer_may_name_the_key(daemon, client, stage):
    """Then the header counts nothing, with which anybody could take another's share."""
    daemon.create("names-keys", {"main.py": AUTHORIZER})
    functions, http = daemon.boto("lambda"), daemon.boto("apigatewayv2")
    functions.add_permission(FunctionName="names-keys", StatementId="g", Action="lambda:InvokeFunction",
                             Principal="apigateway.amazonaws.com")
    arn = functions.get_function(FunctionName="names-keys")["Configuration"]["FunctionArn"]
    api = stage["apiId"]
    assert "ApiKeySelectionExpression must be" in refused(
        http.update_api, ApiId=api, ApiKeySelectionExpression="$request.header.x-other")[2]
    http.update_api(ApiId=api, ApiKeySelectionExpression="$context.authorizer.usageIdentifierKey")
    authorizer = http.create_authorizer(
        ApiId=api, Name="names", AuthorizerType="REQUEST", AuthorizerUri=arn,
        AuthorizerPayloadFormatVersion="2.0", EnableSimpleResponses=True,
        AuthorizerResultTtlInSeconds=0, IdentitySource=["$request.header.who"])["AuthorizerId"]
    [route] = http.get_routes(ApiId=api)["Items"]
    http.update_route(ApiId=api, RouteId=route["RouteId"], ApiKeyRequired=True,
                      AuthorizationType="CUSTOM", AuthorizerId=authorizer)
    plan = client.create_usage_plan(name="named", apiStages=[stage])
    key = client.create_api_key(name="named", enabled=True)
    client.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")

    def status(who, **more):
        return daemon.get(f"/apis/{api}/x", headers={"who": who, **more})[0]

    assert status(key["value"]) == 503
    assert status("another", **{"x-api-key": key["value"]}) == 403
