# SPDX-License-Identifier: Apache-2.0
"""Runtimes that lie: whatever an instance says to its Runtime API or writes into its ring, it
reaches nothing but its own event, the daemon stays quick for others, and its caller hears."""
import concurrent.futures
import pathlib
import re

import pytest
from evoke_daemon import ROOT, processes_below, wait_until

BOOTSTRAP = (ROOT / "tests/support/hostile_bootstrap.py").read_text()
NEIGHBOUR = {"main.py": "def handler(event, context):\n    return event\n"}
TIMEOUT_S = 2
SCRIBBLES = re.findall(r'^    "([a-z0-9-]+)":|(?<=, )"([a-z0-9-]+)": ',
                       BOOTSTRAP.split("SCRIBBLES = {")[1].split("\n}")[0], re.M)
SCRIBBLES = [first or second for first, second in SCRIBBLES]


@pytest.fixture(scope="module")
def hostile(daemon):
    """Calls hostile functions; by the variable INIT."""
    daemon.create("neighbour", NEIGHBOUR)
    for init in ("api", "ring", "answer-first", "error-then-next"):
        daemon.create(f"h-{init}", {"bootstrap": (BOOTSTRAP, 0o755)}, runtime="provided.al2023",
                      handler="bootstrap", Timeout=TIMEOUT_S, MemorySize=256,
                      Environment={"Variables": {"INIT": init}})
    assert daemon.invoke("neighbour", 0)[0] == 0

    def call(init, **event):
        daemon.settle()  # the instance that tells what it did is the one that did it
        return daemon.invoke(f"h-{init}", event)

    return call


def works(hostile, init):
    return hostile(init, do="ok")[0] == "ok"


@pytest.mark.parametrize("do, count", [("early", 1), ("unknown", 20), ("init_late", 1),
                                       ("next_twice", 2), ("methods", 7)])
def test_calls_out_of_turn_are_refused(hostile, do, count):
    assert hostile("api", do=do)[0] == "ok"
    seen = hostile("api", do="report")[0]
    assert len(seen) == count, seen
    assert [call for call in seen if not 400 <= call[1] < 500] == []


def test_an_event_is_answered_once(hostile):
    request_id, answer = hostile("api", do="id")
    assert request_id == answer["ResponseMetadata"]["RequestId"]
    seen = hostile("api", do="report")[0]
    assert len(seen) == 2 and [call for call in seen if not 400 <= call[1] < 500] == []


def test_half_an_answer_is_none(hostile):
    assert hostile("api", do="half")[0] == "ok"


def test_an_answer_before_the_first_event_is_refused(hostile):
    assert works(hostile, "answer-first")
    seen = hostile("answer-first", do="report")[0]
    assert len(seen) == 1 and 400 <= seen[0][1] < 500


def test_an_init_error_that_goes_on_does_no_harm(hostile):
    for _ in range(3):
        hostile("error-then-next", do="ok")
    assert works(hostile, "api")


def test_another_functions_event_is_out_of_reach(daemon, hostile):
    """Request ids of running invocations of a neighbour, told to the thief: 0 of 10 answered."""
    daemon.create("victim", {"main.py": "import time\ndef handler(event, context):\n"
                             "    print('id', context.aws_request_id, flush=True)\n"
                             "    time.sleep(0.5)\n    return 'own'\n"})
    logs = daemon.boto("logs")

    def ids():
        found = logs.filter_log_events(logGroupName="/aws/lambda/victim", filterPattern="id")["events"]
        return {event["message"].split()[1] for event in found}

    stolen, known = 0, set()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        while stolen < 10:
            running = pool.submit(daemon.invoke, "victim")
            while not running.done():
                for new in ids() - known:
                    known.add(new)
                    stolen += 1
                    assert hostile("api", do="steal", id=new)[0] == "ok"
            assert running.result()[0] == "own"
    seen = hostile("api", do="report")[0]
    assert len(seen) == stolen and [call for call in seen if not 400 <= call[1] < 500] == []


@pytest.mark.parametrize("do", SCRIBBLES)
def test_scribbling_over_the_ring_hurts_the_scribbler_only(daemon, hostile, do):
    assert works(hostile, "ring")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        caller, calls = pool.submit(hostile, "ring", do=do), 0
        while not caller.done():
            assert daemon.invoke("neighbour", calls)[0] == calls
            calls += 1
        payload, answer = caller.result()
    if do == "resize":
        assert payload == "the size stays"
    elif do not in ("answer-twice", "fill-wake"):  # they have answered first
        assert answer["FunctionError"] == "Unhandled", payload
        assert payload["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout"), payload
        # Held up until the scribbler's end, it would have been called once.
        assert calls > 1 or payload["errorType"] == "Runtime.ExitError"
    if do == "fill-wake":  # it has answered, and does not take its next event
        assert hostile("ring", do="ok")[0]["errorType"] == "Sandbox.Timedout"
    assert works(hostile, "ring")
    assert daemon.invoke("neighbour", 1)[0] == 1 and daemon.process.poll() is None


def test_attaching_to_the_ring_during_an_event_hurts_itself_only(hostile):
    hostile("api", do="attach-late")
    assert works(hostile, "api")


def test_no_hostile_instance_is_left(daemon, hostile):
    """All that broke the ring's rules were killed: at most one instance each is alive."""
    assert len(SCRIBBLES) == 23

    def alive():
        lines = []
        for pid in processes_below(daemon.process.pid):
            try:
                lines.append(pathlib.Path(f"/proc/{pid}/cmdline").read_text())
            except OSError:
                pass  # it has just ended
        return [line for line in lines if "bootstrap" in line and "init" not in line]

    wait_until(lambda: len(alive()) <= 8, "the end of the others")
