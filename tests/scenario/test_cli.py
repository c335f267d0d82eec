# SPDX-License-Identifier: Apache-2.0
"""The command line against a real daemon: what a new user types, and what scripts rely on."""
import json
import os
import shutil
import subprocess
import threading
import urllib.request

import pytest

HAVE = {"node": shutil.which("node"), "python": shutil.which("python3"), "c": shutil.which("cc")}


@pytest.fixture
def evoke(daemon, tmp_path):
    """evoke(*arguments, code=0): runs in an empty folder, checks the exit code."""

    def run(*arguments, code=0, **keywords):
        env = {**os.environ, **daemon.env}
        done = subprocess.run([daemon.evoke, *map(str, arguments)], capture_output=True, env=env,
                              cwd=tmp_path, timeout=120, check=False, **{"text": True, **keywords})
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def deploy(evoke, folder, yaml, code, *options, exit_code=0):
    folder.mkdir(exist_ok=True)
    (folder / "function.yaml").write_text(yaml)
    (folder / "app.py").write_text(code)
    return evoke("deploy", folder, *options, code=exit_code)


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize("runtime", ["node", "python", "c"])
def test_the_tour_as_typed(evoke, tmp_path, runtime):
    if not HAVE[runtime]:
        pytest.skip(f"no {runtime} on this machine")
    name = f"tour-{runtime}"
    evoke("init", name, "--runtime", runtime)
    if runtime == "c":
        subprocess.run(["make", "-C", str(tmp_path / name)], check=True, capture_output=True)
    assert f"created {name}\n" in evoke("deploy", name).stdout
    greeting = evoke("invoke", name, '{"name":"you"}', "--log")
    assert json.loads(greeting.stdout)["message"].startswith("hello, ")
    assert "REPORT RequestId: " in greeting.stderr
    assert fetch(evoke("url", name).stdout.strip())["message"] == "hello, world"
    assert "REPORT RequestId: " in evoke("logs", name).stdout
    assert f"updated {name}\n" in evoke("deploy", name).stdout
    assert name in evoke("list", "-q").stdout.split()
    evoke("delete", name)
    assert name not in evoke("list", "-q").stdout.split()
    assert "not found" in evoke("show", name, code=1).stderr


def test_the_same_content_has_the_same_digest(evoke, tmp_path):
    yaml, code = "name: same\nruntime: python3.x\nhandler: app.handler\n", "def handler(e, c): return 1\n"
    deploy(evoke, tmp_path / "one", yaml, code)
    one = json.loads(evoke("show", "same", "--json").stdout)["Configuration"]["CodeSha256"]
    deploy(evoke, tmp_path / "two", yaml, code)
    assert json.loads(evoke("show", "same", "--json").stdout)["Configuration"]["CodeSha256"] == one


def test_code_that_cannot_be_loaded_is_shown_with_its_trace(evoke, tmp_path):
    done = deploy(evoke, tmp_path / "broken", "name: broken\nruntime: python3.x\nhandler: app.handler\n",
                  "import nothing_of_that_name\n", exit_code=3)
    assert "nothing_of_that_name" in done.stderr
    assert "nothing_of_that_name" in evoke("show", "broken").stdout
    assert "nothing_of_that_name" in evoke("invoke", "broken", code=3).stderr


def test_flags_beat_the_file(evoke, tmp_path):
    deploy(evoke, tmp_path / "flags",
           "name: flags\nruntime: python3.x\nhandler: app.handler\nmemory: 256\ntimeout: 5\n",
           "import os\ndef handler(e, c): return os.environ.get('LEVEL')\n",
           "--timeout", "7", "--env", "LEVEL=high")
    shown = json.loads(evoke("show", "flags", "--json").stdout)["Configuration"]
    assert (shown["MemorySize"], shown["Timeout"]) == (256, 7)
    assert json.loads(evoke("invoke", "flags").stdout) == "high"
    evoke("deploy", tmp_path / "flags", "--env", "LEVEL=low", "--memory", "512")
    assert json.loads(evoke("invoke", "flags").stdout) == "low"
    assert json.loads(evoke("show", "flags", "--json").stdout)["Configuration"]["MemorySize"] == 512


def test_what_a_function_lacks_is_said_plainly(evoke, tmp_path):
    code = "def handler(e, c): return 1\n"
    done = deploy(evoke, tmp_path / "first", "runtime: python\nhandler: app.handler\n", code, exit_code=1)
    assert "'python' is no runtime: use nodejs, python3.x" in done.stderr
    done = deploy(evoke, tmp_path / "second", "handler: app.handler\n", code, exit_code=1)
    assert "needs a runtime and a handler" in done.stderr and "evoke init" in done.stderr
    done = deploy(evoke, tmp_path / "third", "runtime: python3.x\nhandler: app.handler\n", code,
                  "--name", "no name", exit_code=1)
    assert "'no name' is no name for a function" in done.stderr
    deploy(evoke, tmp_path / "fourth", "runtime: python3.x\nhandler: app.handler\n", code)
    done = evoke("deploy", tmp_path / "fourth", "--runtime", "pyton", code=1)
    assert "the new code is in place, its settings are as before: 'pyton' is no runtime" in done.stderr


def test_a_route_that_is_taken_is_told_of_a_new_function(evoke, tmp_path):
    yaml = "runtime: python3.x\nhandler: app.handler\nhttp: {route: GET /mine-alone}\n"
    deploy(evoke, tmp_path / "holder", yaml, "def handler(e, c): return 1\n")
    done = deploy(evoke, tmp_path / "late", yaml, "def handler(e, c): return 1\n", exit_code=1)
    assert "/mine-alone" in done.stderr and "holder" in done.stderr, done.stderr
    assert "Function not found" in evoke("url", "nobody", code=1).stderr
    assert "Function not found" in evoke("events", "list", "nobody", code=1).stderr
    assert "there is no URL of 'nobody'" in evoke("url", "nobody", "--delete", code=1).stderr


def test_a_function_that_looks_for_a_network_is_told_there_is_none(evoke, tmp_path):
    deploy(evoke, tmp_path / "outward", "runtime: python3.x\nhandler: app.handler\n",
           "import socket\ndef handler(e, c): socket.create_connection(('192.0.2.1', 80), 2)\n")
    done = evoke("invoke", "outward", "--log", code=3)
    assert "'network: host' in function.yaml" in done.stderr, done.stderr


def test_a_wrong_region_is_told_with_the_right_one(evoke):
    done = evoke("list", "--region", "eu-west-1", code=1)
    assert "not 'eu-west-1': here it is 'us-east-1'" in done.stderr and "credentials" not in done.stderr


def test_a_function_error_is_exit_code_3(evoke, tmp_path):
    deploy(evoke, tmp_path / "fails", "name: fails\nruntime: python3.x\nhandler: app.handler\n",
           "def handler(e, c): raise ValueError(e['why'])\n")
    done = evoke("invoke", "fails", '{"why":"because"}', code=3)
    assert done.stdout == "" and "ValueError: because" in done.stderr and "app.py" in done.stderr
    answer = json.loads(evoke("invoke", "fails", "-", "--json", code=3, input='{"why":"still"}').stdout)
    assert answer["functionError"] == "Unhandled" and answer["payload"]["errorMessage"] == "still"


def test_an_event_is_handed_over_and_run_later(daemon, evoke, tmp_path):
    deploy(evoke, tmp_path / "later", "name: later\nruntime: python3.x\nhandler: app.handler\n",
           "def handler(e, c): print('ran with', e['n'])\n")
    said = evoke("invoke", "later", '{"n":7}', "--async").stdout
    assert said.startswith("accepted: request id ")
    request = said.split()[-1]
    follow = subprocess.Popen([daemon.evoke, "logs", "-f", "later"], stdout=subprocess.PIPE, text=True,
                              env={**os.environ, **daemon.env})
    try:
        assert any("ran with 7" in line for line in follow.stdout)
    finally:
        follow.terminate()
        follow.wait(10)
        follow.stdout.close()
    assert f"START RequestId: {request}" in evoke("logs", "later").stdout
    told = json.loads(evoke("invoke", "later", '{"n":8}', "--async", "--json").stdout)
    assert told["status"] == 202 and len(told["requestId"]) == 36


def test_a_url_is_opened_closed_and_taken_away(daemon, evoke, tmp_path):
    deploy(evoke, tmp_path / "open", "name: open\nruntime: python3.x\nhandler: app.handler\n",
           "def handler(e, c): return {'path': e['rawPath']}\n")
    url = evoke("url", "open").stdout.strip()
    assert url.startswith(daemon.gateway + "/urls/")
    assert fetch(url + "a/b")["path"] == "/a/b"
    evoke("url", "open", "--auth", "iam")
    assert daemon.get(url[len(daemon.gateway):])[0] == 403
    assert evoke("url", "open", "--auth", "none").stdout.strip() == url
    assert daemon.get(url[len(daemon.gateway):])[0] == 200
    evoke("url", "open", "--delete")
    assert daemon.get(url[len(daemon.gateway):])[0] in (403, 404)


def test_mistakes_are_told_with_what_to_do(evoke, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "function.yaml").write_text("name: bad\nmemroy: 1\n")
    assert "memroy" in evoke("deploy", "bad", code=1).stderr
    (tmp_path / "no.zip").write_bytes(b"PK\x03\x04 and nothing more")
    assert "not a ZIP" in evoke("deploy", "no.zip", code=1).stderr
    assert "Function not found" in evoke("invoke", "nosuch", code=1).stderr
    assert "did you mean 'evoke invoke'?" in evoke("inovke", code=2).stderr


def test_status_env_runtimes_and_version(daemon, evoke):
    status = json.loads(evoke("status", "--json").stdout)
    assert status["account"] == "000000000000" and status["shards"] >= 1
    assert daemon.api in evoke("status").stdout
    names = subprocess.run(["sh", "-c", evoke("env").stdout + 'echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID"'],
                           capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}).stdout.split()
    assert names == [daemon.api, daemon.keys()[0]]
    assert "provided.al2023" in evoke("runtimes").stdout
    assert evoke("version").stdout.startswith("evoke ")


def test_without_a_daemon_the_exit_code_is_4(daemon, tmp_path):
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run([daemon.evoke, "list", "--data", tmp_path], capture_output=True, text=True, env=env,
                          timeout=60, check=False)
    assert done.returncode == 4 and "evoke serve" in done.stderr


def test_a_trace_is_shown_line_by_line(evoke, tmp_path):
    deploy(evoke, tmp_path / "traces", "name: traces\nruntime: python3.x\nhandler: app.handler\n",
           "def handler(e, c): raise ValueError('no')\n")
    for command in (("invoke", "traces", "--log"), ("logs", "traces")):
        done = evoke(*command, code=3 if "--log" in command else 0, text=False)
        shown = done.stdout + done.stderr
        assert b"ValueError: no\nTraceback (most recent call last):\n" in shown and b"\r" not in shown


def test_logs_follow(daemon, evoke, tmp_path):
    deploy(evoke, tmp_path / "talks", "name: talks\nruntime: python3.x\nhandler: app.handler\n",
           "def handler(e, c): print('word', e['word'])\n")
    with subprocess.Popen([daemon.evoke, "logs", "talks", "-f"], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **daemon.env}) as following:
        watchdog = threading.Timer(60, following.kill)
        watchdog.start()
        try:
            for word in ("first", "second"):
                evoke("invoke", "talks", json.dumps({"word": word}))
                assert any(f"word {word}" in line for line in iter(following.stdout.readline, ""))
        finally:
            watchdog.cancel()
            following.terminate()
