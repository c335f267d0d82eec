# SPDX-License-Identifier: Apache-2.0
"""Every recorded event pattern: what it matches, and the exact text when it is refused."""
import json
import subprocess

import pytest

import evoke_daemon

RECORDED = evoke_daemon.SHARED / "conformance" / "event_patterns.jsonl"
CASES = [json.loads(line) for line in RECORDED.open()] if RECORDED.exists() else []
TOOL = evoke_daemon.BUILD / "tests" / "tools" / "pattern_tool"


@pytest.fixture(scope="module")
def try_pattern():
    with subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tool:
        def ask(pattern, event):
            tool.stdin.write(json.dumps([pattern, event]) + "\n")
            tool.stdin.flush()
            return json.loads(tool.stdout.readline())

        yield ask
        tool.stdin.close()


@pytest.mark.skipif(not CASES, reason=f"the recordings are not there ({RECORDED})")
@pytest.mark.parametrize("case", CASES, ids=[case["label"] for case in CASES])
def test_recorded(try_pattern, case):
    got = try_pattern(json.dumps(case["pattern"]), json.dumps(case["event"]))
    expected = case["expect"]
    if "result" in expected:
        assert got == {"result": expected["result"]}
    else:
        # The recordings leave out where in the pattern; the unit tests have that.
        assert got["error"].split("\n at [")[0] == expected["message"]
