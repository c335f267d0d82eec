# SPDX-License-Identifier: Apache-2.0
"""Every recorded case of EventBridge that can be played against one daemon; the others are
skipped by name, with what they lack."""
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import evoke_daemon  # noqa: E402
import events_player  # noqa: E402
import player  # noqa: E402

RECORDED = evoke_daemon.SHARED / "conformance" / "events.jsonl"
CASES = player.load(RECORDED) if RECORDED.exists() else []
SETTLE_S = 30


def _name(case):
    return case["test"].split("::", 1)[-1].replace("/", "|")


def _differences(playing, label, expected, actual, call_id, known):
    """Reads may be ahead of what was just put: they are asked again for a while."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        bound = dict(known)
        wrong = [f"{label}{one}" for one in player.differences(expected, actual, bound)]
        again = playing.again(call_id) if wrong and call_id in playing.called else None
        if not wrong or again is None or time.monotonic() > deadline:
            known.update(bound)
            return wrong
        actual = again
        time.sleep(0.02)


def _call_of(match):
    value = match["value"]
    return int(value[3:-2]) if isinstance(value, str) and value[3:-2].isdigit() else None


@pytest.mark.skipif(not CASES, reason=f"the recordings are not there ({RECORDED})")
@pytest.mark.parametrize("case", CASES, ids=list(map(_name, CASES)))
def test_recorded(daemon, case):
    reason = events_player.why_not(case)
    if reason:
        pytest.skip(reason)
    playing = events_player.Player(daemon)
    try:
        known, wrong = {}, []
        calls = {match["label"]: _call_of(match) for match in case["matches"]}
        for label, expected, actual in playing.play(case):
            wrong += _differences(playing, label, expected, actual, calls[label], known)
    finally:
        playing.close()
    assert not wrong, "\n".join(wrong)
