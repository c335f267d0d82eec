# SPDX-License-Identifier: Apache-2.0
"""What stands between a request and its function, set in function.yaml: limits, addresses, the
firewall."""
import threading

import pytest

HANDLER = "def handler(event, context):\n    return 'called'\n"


def deploy(daemon, name, guard):
    daemon.create(name, {"main.py": HANDLER,
                         "function.yaml": f"http:\n  route: /{name}\n  {guard}\n"})
    return f"/{name}"


def test_a_rate_is_kept_and_told(daemon):
    path = deploy(daemon, "rated", "limits: {rate: 0.001, burst: 5}")
    answers = [daemon.get(path) for _ in range(12)]
    assert [answer[0] for answer in answers] == [200] * 5 + [429] * 7
    status, headers, body = answers[-1]
    assert (status, body) == (429, b'{"message":"Too Many Requests"}')
    assert int(headers["retry-after"]) >= 1


def test_a_rate_is_shared_by_all_shards(make_daemon):
    """400 requests over 16 connections on two shards: 100 pass."""
    daemon = make_daemon("--shards", 2)
    path = deploy(daemon, "shared", "limits: {rate: 0.001, burst: 100}")
    statuses = []

    def ask():
        connection = daemon.connect()
        for _ in range(25):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(statuses) == 400 and set(statuses) == {200, 429}
    assert statuses.count(200) == 100


@pytest.mark.parametrize("mode", ["buffered", "stream"])
def test_a_function_has_the_time_of_its_routes_limits(daemon, mode):
    """It would take twenty seconds, and goes on; the client has its answer."""
    daemon.create(f"slow-{mode}", {
        "main.py": "import time\ndef handler(event, context):\n"
                   "    if event['rawPath'].endswith('slow'):\n        time.sleep(20)\n    return 'called'\n",
        "function.yaml": f"http:\n  routes: [/slow-{mode}/slow, /slow-{mode}/quick]\n"
                         f"  mode: {mode}\n  limits: {{time: 2}}\n"}, Timeout=30)
    assert daemon.get(f"/slow-{mode}/quick")[0] == 200
    assert daemon.get(f"/slow-{mode}/slow")[0] == 503


def test_addresses_are_refused(daemon):
    path = deploy(daemon, "denied", "addresses: {deny: [127.0.0.0/8]}")
    assert daemon.get(path)[0] == 403
    assert daemon.get(deploy(daemon, "allowed", "addresses: {allow: [127.0.0.1/32]}"))[0] == 200


@pytest.mark.parametrize("attack", [
    "?q=%3Cscript%3Ealert(1)%3C/script%3E", "?id=1%27%20OR%201=1--%20-",
    "?file=../../../../etc/passwd", "?cmd=;cat%20/etc/passwd"])
def test_the_firewall_blocks_attacks(daemon, attack):
    path = deploy(daemon, "walled", "waf: block") if not known(daemon, "walled") else "/walled"
    assert daemon.get(path + "?q=hello+world")[0] == 200
    assert daemon.get(path + attack)[0] == 403


def test_the_firewall_can_look_only(daemon):
    path = deploy(daemon, "watched", "waf: detect")
    assert daemon.get(path + "?q=%3Cscript%3Ealert(1)%3C/script%3E")[0] == 200


def known(daemon, name):
    names = daemon.boto("lambda").list_functions()["Functions"]
    return any(function["FunctionName"] == name for function in names)
