# SPDX-License-Identifier: Apache-2.0
"""The daemon's own life: start, ready line, second daemon, SIGTERM, SIGKILL."""
import concurrent.futures
import os
import pathlib
import subprocess
import time

import pytest
from evoke_daemon import PROGRAM, alive, processes_below, wait_until

SLOW = {"main.py": "import time\ndef handler(e, c):\n    time.sleep(e.get('s', 0))\n    return e\n"}


def test_healthz_answers_without_a_signature(daemon):
    status, _, _ = daemon.get("/healthz", which="api")
    assert status == 200


def test_the_credentials_are_private_and_in_aws_format(daemon):
    assert (daemon.data / "credentials").stat().st_mode & 0o777 == 0o600
    key, secret = daemon.keys()
    assert key.startswith("AKIA") and len(key) == 20 and len(secret) == 40


def test_a_second_daemon_on_the_same_folder_is_refused(daemon):
    second = subprocess.run([str(PROGRAM), "serve", "--data", str(daemon.data), "--api", "127.0.0.1:0",
                             "--gateway", "127.0.0.1:0"], capture_output=True, text=True,
                            timeout=30, check=False)
    assert second.returncode == 1
    assert "another evoke daemon" in second.stderr and str(daemon.process.pid) in second.stderr
    assert daemon.get("/healthz", which="api")[0] == 200


@pytest.mark.parametrize("port", ["api", "gateway"])
def test_a_second_daemon_on_the_same_port_is_refused(daemon, tmp_path, port):
    """Every shard listens with SO_REUSEPORT: two daemons would share the requests."""
    address = getattr(daemon, port).removeprefix("http://")
    options = {"--api": "127.0.0.1:0", "--gateway": "127.0.0.1:0", f"--{port}": address}
    second = subprocess.run([str(PROGRAM), "serve", "--data", str(tmp_path / "other"),
                             *(word for pair in options.items() for word in pair)],
                            capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 1
    assert address in second.stderr and f"choose another port with --{port}" in second.stderr, second.stderr


@pytest.mark.parametrize("option", [["--nonsense", "1"], ["--shards", "many"], ["--api", "nowhere"],
                                    ["--account", "12"], ["stray"], ["--waf-rules", "/nowhere"],
                                    ["--runtimes", "/nowhere"], ["--upstream-networks", "nowhere"]])
def test_a_wrong_option_is_refused_with_a_sentence(tmp_path, option):
    done = subprocess.run([str(PROGRAM), "serve", "--data", str(tmp_path / "d"), "--api", "127.0.0.1:0",
                           "--gateway", "127.0.0.1:0", *option],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (1, 2)
    assert option[0].lstrip("-") in done.stderr and done.stderr.count("\n") <= 2, done.stderr


def test_an_unknown_option_is_told_with_what_may_be_meant(tmp_path):
    done = subprocess.run([str(PROGRAM), "serve", "--data", str(tmp_path / "d"), "--concurency"],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "there is no option '--concurency'; did you mean '--concurrency'?" in done.stderr, done.stderr


def test_a_configuration_file_is_read_and_errors_name_the_line(tmp_path, make_daemon):
    good = tmp_path / "evoke.conf"
    good.write_text("# settings\nregion = eu-west-1\nconcurrency = 7\n")
    daemon = make_daemon("--config", good)
    assert daemon.run("--region", "eu-west-1", "--json", "status").stdout.count("eu-west-1")
    bad = tmp_path / "bad.conf"
    bad.write_text("region = eu-west-1\nshards = x\n")
    done = subprocess.run([str(PROGRAM), "serve", "--config", str(bad)], capture_output=True,
                          text=True, timeout=30, check=False)
    assert done.returncode in (1, 2) and "bad.conf" in done.stderr and "2" in done.stderr


def test_sigterm_lets_running_invocations_finish_and_leaves_nothing(make_daemon):
    daemon = make_daemon()
    daemon.create("slow", SLOW, Timeout=20)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(daemon.invoke, "slow", {"s": 1.5})
        wait_until(lambda: b'evoke_instances{state="busy"} 1' in
                   daemon.get("/metrics", which="api")[2], "a busy instance")
        below = processes_below(daemon.process.pid)
        assert below
        assert daemon.stop() == 0
        assert answer.result()[0] == {"s": 1.5}
    wait_until(lambda: not any(map(alive, below)), "the end of all processes")


def test_running_invocations_are_cut_off_after_the_drain_limit(make_daemon):
    daemon = make_daemon("--drain", "500ms")
    daemon.create("slow", SLOW, Timeout=60)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(daemon.invoke, "slow", {"s": 50})
        wait_until(lambda: b'evoke_instances{state="busy"} 1' in
                   daemon.get("/metrics", which="api")[2], "a busy instance")
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < 25  # 30 s without the option
        payload, _ = answer.result()
        assert payload["errorType"] == "Runtime.ExitError"


def test_sigkill_leaves_no_process_and_a_state_to_start_from(make_daemon):
    daemon = make_daemon()
    daemon.create("f", SLOW)
    assert daemon.invoke("f", {"s": 0})[0] == {"s": 0}
    below = processes_below(daemon.process.pid)
    daemon.kill()
    wait_until(lambda: not any(map(alive, below)), "the end of all processes")
    daemon.start()
    assert daemon.invoke("f", {"s": 0})[0] == {"s": 0}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become an ordinary user")
def test_it_runs_as_an_ordinary_user(make_daemon, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    for folder in [home, *home.parents][:4]:
        folder.chmod(folder.stat().st_mode | 0o755)
    os.chown(home, 4242, 4242)
    daemon = make_daemon(data=home / "data", start=False,
                         prefix=["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups",
                                 "--inh-caps=-all"], env={"HOME": str(home)})
    if not os.access("/proc/self/ns/user", os.R_OK):
        pytest.skip("no user namespaces")
    daemon.start()
    daemon.create("f", SLOW)
    assert daemon.invoke("f", {"s": 0})[0] == {"s": 0}
    status = daemon.run("--json", "status").stdout
    assert '"privileged": false' in status or '"privileged":false' in status
