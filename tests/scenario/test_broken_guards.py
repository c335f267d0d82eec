# SPDX-License-Identifier: Apache-2.0
"""A guard that cannot be read when the daemon starts lets nobody pass, until it is mended and deployed."""
import json

import pytest

FILES = {"main.py": "def handler(event, context):\n    return 'called'\n"}
RULE = 'SecRule ARGS:word "@streq apple" "id:1001,phase:2,deny,status:403,log,msg:\'no\'"\n'
DAMAGE = {"gone": lambda file: file.unlink(), "invalid": lambda file: file.write_text("SecRule nonsense\n")}


def statuses(daemon, path, host="localhost"):
    return [daemon.get(f"{path}?word={word}", headers={"host": host})[0] for word in ("pear", "apple")]


@pytest.fixture
def walled(make_daemon):
    daemon = make_daemon()
    if "there is no firewall" in daemon.log_text():
        pytest.skip("built without libmodsecurity")
    return daemon


@pytest.mark.parametrize("damage", DAMAGE)
def test_of_a_function(walled, tmp_path, damage):
    rules = tmp_path / "own.conf"
    rules.write_text(RULE)
    with_guard = {**FILES, "function.yaml": f"http:\n  route: /walled\n  waf: {{rules: {rules}}}\n"}
    walled.create("walled", with_guard)
    walled.create("open", {**FILES, "function.yaml": "http:\n  route: /open\n"})
    assert statuses(walled, "/walled") == [200, 403]
    walled.stop()
    DAMAGE[damage](rules)
    walled.start()
    assert statuses(walled, "/walled") == [502, 502]
    assert statuses(walled, "/functions/walled/") == [502, 502]
    assert statuses(walled, "/open") == [200, 200], "others are served"
    assert "nobody may call its URL" in walled.log_text() and "function=walled" in walled.log_text()
    # Mended alone is not enough: there is nothing that could be read again.
    rules.write_text(RULE)
    walled.run("gateway", "reload")
    assert statuses(walled, "/walled") == [502, 502]
    from evoke_daemon import make_zip
    client = walled.boto("lambda")
    client.update_function_code(FunctionName="walled", ZipFile=make_zip(with_guard))
    walled.wait_active(client, "walled")
    assert statuses(walled, "/walled") == [200, 403]


@pytest.mark.parametrize("damage", DAMAGE)
def test_of_an_api(walled, tmp_path, damage):
    rules, guard = tmp_path / "own.conf", tmp_path / "guard.json"
    rules.write_text(RULE)
    guard.write_text(json.dumps({"waf": {"rules": str(rules)}}))
    walled.create("served", FILES)
    client = walled.boto("lambda")
    client.add_permission(FunctionName="served", StatementId="gateway", Principal="apigateway.amazonaws.com",
                          Action="lambda:InvokeFunction")
    function = client.get_function(FunctionName="served")["Configuration"]["FunctionArn"]
    apis = walled.boto("apigatewayv2")
    made, other = (apis.create_api(Name=name, ProtocolType="HTTP", Target=function)["ApiId"] for name in ("a", "b"))
    walled.run("gateway", "guard", made, guard)
    assert statuses(walled, "/", f"{made}.localhost") == [200, 403]
    walled.stop()
    DAMAGE[damage](rules)
    walled.start()
    assert statuses(walled, "/", f"{made}.localhost") == [404, 404]
    assert statuses(walled, "/", f"{other}.localhost") == [200, 200], "others are served"
    assert "stored API cannot be served" in walled.log_text()
    rules.write_text(RULE)
    walled.run("gateway", "guard", made, guard)
    assert statuses(walled, "/", f"{made}.localhost") == [200, 403]
