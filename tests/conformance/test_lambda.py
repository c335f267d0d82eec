# SPDX-License-Identifier: Apache-2.0
"""Every recorded case that uses only what Evoke serves, played against a daemon; the others
are skipped by name, with what they lack."""
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import evoke_daemon  # noqa: E402
import player  # noqa: E402
import wire  # noqa: E402

RECORDED = evoke_daemon.SHARED / "conformance" / "lambda.jsonl"
CASES = player.load(RECORDED) if RECORDED.exists() else []

# What AWS did then and Evoke deliberately does not do, or was not asked in these words.
OTHERWISE = {
    "test_lambda_runtime_exit_segfault":
        "AWS hung until the timeout; Evoke tells the crash at once (signal: segmentation fault)",
    "test_lambda_eventinvokeconfig_exceptions":
        "two ARNs that the test garbled were recorded as they were before",
}


def _name(case):
    return case["test"].split("::", 1)[-1]


def _is_validation(case):
    return "test_function_name_and_qualifier_validation" in case["test"]


VALIDATED = [case for case in CASES if _is_validation(case)]
PLAYED = [case for case in CASES if not _is_validation(case)]


@pytest.fixture(scope="module", name="quick")
def _quick(tmp_path_factory):
    """A daemon whose retries come at once, unless the time itself is what matters."""
    daemon = evoke_daemon.Daemon(tmp_path_factory.mktemp("quick") / "data",
                                 "--async-retry", "50ms").start()
    yield daemon
    daemon.stop()


@pytest.mark.skipif(not CASES, reason=f"the recordings are not there ({RECORDED})")
@pytest.mark.parametrize("case", PLAYED, ids=list(map(_name, PLAYED)))
def test_recorded(daemon, quick, case):
    reason = player.why_not(case)
    if reason:
        pytest.skip(reason)
    for name, difference in OTHERWISE.items():
        if name in case["test"]:
            pytest.skip(difference)
    takes_time = "EventAgeExceeded" in str(case["expected"])
    playing = player.Player(daemon if takes_time else quick)
    try:
        known, wrong = {}, []
        for label, expected, actual in playing.play(case):
            expected, actual = comparable(expected), comparable(actual)
            wrong += [f"{label}{one}" for one in player.differences(expected, actual, known)]
    finally:
        playing.close()
    assert not wrong, "\n".join(wrong)


def comparable(answer):
    """Without what depends on the interpreter: the frames of its own importing. And what a
    timeout was called before AWS gave it a type."""
    payload = answer.get("Payload") if isinstance(answer, dict) else None
    if not isinstance(payload, dict):
        return answer
    payload = dict(payload)
    if "stackTrace" in payload:
        payload["stackTrace"] = [frame for frame in payload["stackTrace"] if "/var/task/" in frame]
    message = str(payload.get("errorMessage", ""))
    if "Task timed out after" in message:
        payload = {"timeout": message[message.index("Task timed out"):]}
    return {**answer, "Payload": payload}


# --- names and qualifiers: the recordings hold AWS's answers only, so the calls are ours ---

ARN = f"arn:aws:lambda:{player.REGION}:{player.ACCOUNT}:function"
BAD_REGION = f"arn:aws:lambda:invalid-region:{player.ACCOUNT}:function:my-function"
REQUESTS = {
    "invalid_characters_in_function_name": {"FunctionName": "my-function!"},
    "function_name_is_single_invalid": {"FunctionName": "*"},
    "invalid_characters_in_qualifier": {"FunctionName": "my-function", "Qualifier": "invalid!"},
    "qualifier_too_long": {"FunctionName": "my-function", "Qualifier": "a" * 129},
    "invalid_account_id_in_partial_arn": {"FunctionName": "invalid-account:function:my-function"},
    "invalid_region_in_arn": {"FunctionName": BAD_REGION},
    "non_lambda_arn": {"FunctionName": f"arn:aws:ec2:{player.REGION}:{player.ACCOUNT}:instance:"
                                       "i-1234567890abcdef0"},
    "function_name_too_long": {"FunctionName": "a" * 65},
    "function_name_too_long_and_invalid_region": {"FunctionName": BAD_REGION + "a" * 170},
    "full_arn_and_qualifier_too_long_and_invalid_region":
        {"FunctionName": BAD_REGION + "-" + "a" * 170, "Qualifier": "a" * 129},
    "incomplete_arn": {"FunctionName": ARN},
    "partial_arn_with_extra_qualifier": {"FunctionName": "function:my-function:$LATEST:extra"},
    "latest_version_with_additional_qualifier":
        {"FunctionName": "my-function:$LATEST", "Qualifier": "1"},
    "missing_region_in_arn":
        {"FunctionName": f"arn:aws:lambda::{player.ACCOUNT}:function:my-function"},
    "missing_account_id_in_arn":
        {"FunctionName": f"arn:aws:lambda:{player.REGION}::function:my-function"},
}


def _call(daemon, op, request):
    """CreateFunction has no qualifier: there it is a part of the name."""
    if op == "create_function":
        name = ":".join([request["FunctionName"], *filter(None, [request.get("Qualifier")])])
        request = {
            "FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler",
            "Role": player.ROLE, "Code": {"ZipFile": evoke_daemon.make_zip({"handler.py": ""})}}
    return wire.Client(daemon).call(op, request)


@pytest.mark.skipif(not CASES, reason=f"the recordings are not there ({RECORDED})")
@pytest.mark.parametrize("case", VALIDATED, ids=list(map(_name, VALIDATED)))
def test_names_are_validated_as_recorded(daemon, case):
    name, op = case["test"].split("[", 1)[1].rstrip("]").rsplit("-", 1)
    error = _call(daemon, op, REQUESTS[name])["Error"]
    actual = {"Code": error["Code"], "Message": error["Message"]}
    expected = case["expected"][f"{op}_exception"]
    if "Errors" in expected:
        head, _, errors = error["Message"].partition(" detected: ")
        actual = {"Code": error["Code"], "Count": int(head.split()[0]),
                  "Errors": errors.split("; ")}
    wrong = player.differences(expected, actual, {})
    assert not wrong, "\n".join(wrong)
