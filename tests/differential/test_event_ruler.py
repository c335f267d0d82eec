# SPDX-License-Identifier: Apache-2.0
"""Random patterns over random events, against AWS's own matcher: a short run, and with
EVOKE_SOAK ten million pairs. What is known to differ is in docs/event-patterns.md; the
generator leaves it out."""
import os
import subprocess
import sys

import pytest

import evoke_daemon
import ruler

TOOL = evoke_daemon.BUILD / "tests" / "tools" / "match_diff"


def run(tmp_path, seed, pairs, seconds):
    try:
        peer = ruler.command("tests/differential/RulerPeer.java", tmp_path)
    except ruler.Missing as missing:
        pytest.skip(str(missing))
    ended = subprocess.run([TOOL, str(seed), str(pairs), str(seconds), *peer],
                           capture_output=True, text=True, timeout=seconds + 120, check=False)
    print(ended.stdout[-6000:], file=sys.stderr)
    return ended


def test_matches_what_event_ruler_matches(tmp_path):
    ended = run(tmp_path, seed=1, pairs=50_000, seconds=60)
    assert ended.returncode == 0, ended.stdout[-6000:]
    assert "(0 with another text)" in ended.stdout


@pytest.mark.soak
@pytest.mark.skipif(not os.environ.get("EVOKE_SOAK"), reason="the long count: make soak")
def test_ten_million_pairs(tmp_path):
    ended = run(tmp_path, seed=2, pairs=10_000_000, seconds=3600)
    assert ended.returncode == 0, ended.stdout[-6000:]
