# SPDX-License-Identifier: Apache-2.0
"""Where events wait: what the daemon shows of it, and what it does when the files are damaged."""
import os
import re
import signal
import subprocess

import pytest
from evoke_daemon import BUILD


def measure(daemon, name):
    text = daemon.get("/metrics", which="api")[2].decode()
    return int(re.search(rf"^{name} (\d+)$", text, re.M)[1])


def test_metrics_tell_what_waits_and_what_it_takes(make_daemon):
    daemon = make_daemon()
    assert measure(daemon, "evoke_events") == 0
    assert measure(daemon, "evoke_events_bytes") == 0
    files = sum(file.stat().st_size for file in (daemon.data / "events").iterdir())
    assert measure(daemon, "evoke_events_disk_bytes") == files > 0


def test_files_are_the_daemons_alone(make_daemon):
    daemon = make_daemon()
    for path in [daemon.data / "events", *(daemon.data / "events").iterdir()]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_damage_stops_the_start_and_names_the_place(make_daemon):
    daemon = make_daemon()
    daemon.stop()
    file = daemon.data / "events" / "0000000001.log"
    with open(file, "r+b") as log:
        log.seek(20)
        log.write(b"x")
    ended = subprocess.run([daemon.evoke, "serve", "--data", daemon.data, "--api", "127.0.0.1:0",
                            "--gateway", "127.0.0.1:0"], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1
    assert f"'{file}' is damaged at byte 0: its head is damaged" in ended.stderr, ended.stderr


@pytest.mark.soak
def test_kill_9_a_thousand_times():
    signal.alarm(3600)
    done = subprocess.run([BUILD / "tests/unit/store/event_kill_test"], capture_output=True, text=True,
                          env={**os.environ, "EVOKE_KILLS": "1000"})
    print(*re.findall("^1000 kills.*", done.stdout, re.M))
    assert done.returncode == 0, done.stdout + done.stderr
