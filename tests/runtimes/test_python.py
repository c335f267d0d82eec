# SPDX-License-Identifier: Apache-2.0
"""Lambda's conventions for functions in Python, by both transports."""

import json
import time

import pytest

from instance import is_ready
from ring_peer import ANSWERED_BY_API, BY_API, CLAIM_REVOKED, RECORD_MAX, RESPONSE, SLOTS

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
ECHO = "def handler(event, context):\n    return event\n"


def test_a_handler_answers_event_after_event(python, transport):
    function = python(ECHO, transport=transport)
    assert is_ready(function)
    for event in ({"a": [1, 2.5, None, True]}, "text", 'ä€😀 "\\\n', [], 0, None, {"": {}}):
        assert function.result(event) == event


def test_blanks_around_an_event_are_no_matter(python):
    function = python(ECHO)
    assert function.result(b' \n{"a": 1}\n ') == {"a": 1}


@pytest.mark.parametrize(
    "handler, files",
    [
        ("main.handler", {}),
        ("folder/mod.run", {"folder/mod.py": "def run(e, c): return 1"}),
        ("folder.mod.run", {"folder/__init__.py": "", "folder/mod.py": "def run(e, c): return 1"}),
        ("bootstrap.run", {"bootstrap.py": "def run(e, c): return 1"}),
        ("obj.call", {"obj.py": "class C:\n def __call__(self, e, c): return 1\ncall = C()"}),
    ],
)
def test_handlers_are_found_by_lambdas_names(python, handler, files):
    function = python("def handler(e, c): return 1", handler=handler, files=files)
    assert function.result() == 1


@pytest.mark.parametrize(
    "handler, code, error_type, message",
    [
        ("nothing", "", "Runtime.MalformedHandlerName",
         "Bad handler 'nothing': not enough values to unpack (expected 2, got 1)"),
        ("absent.handler", "", "Runtime.ImportModuleError",
         "Unable to import module 'absent': No module named 'absent'"),
        ("main.handler", "import absent", "Runtime.ImportModuleError",
         "Unable to import module 'main': No module named 'absent'"),
        ("folder/absent.handler", "", "Runtime.ImportModuleError",
         "Unable to import module 'folder/absent': No module named 'folder'"),
        ("main.other", "", "Runtime.HandlerNotFound",
         "Handler 'other' missing on module 'main'"),
        ("sys.exit", "", "Runtime.BuiltInModuleConflict",
         "Cannot use built-in module sys as a handler module"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_told(
    python, transport, handler, code, error_type, message
):
    function = python(code, handler=handler, transport=transport)
    assert function.init_error() == {
        "errorMessage": message, "errorType": error_type, "requestId": "", "stackTrace": [],
    }
    assert function.exit() == 1
    assert f"[ERROR] {error_type}: {message}\rTraceback" in function.text()


def test_a_syntax_error_is_told_with_its_line(python):
    function = python("def handler(event, context):\n    return 1 +\n")
    error = function.init_error()
    assert error["errorType"] == "Runtime.UserCodeSyntaxError"
    assert error["errorMessage"] == "Syntax error in module 'main': invalid syntax (main.py, line 2)"
    assert error["stackTrace"][0].endswith('main.py" Line 2\n        return 1 +\n')


def test_an_exception_at_import_has_its_own_type_and_the_whole_trace(python, transport, tmp_path):
    function = python('raise Exception("Runtime startup fails")', transport=transport)
    error = function.init_error()
    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (error["errorMessage"], error["errorType"]) == ("Runtime startup fails", "Exception")
    trace = error["stackTrace"]
    assert "importlib/__init__.py" in trace[0] and "in import_module\n" in trace[0]
    assert trace[1].startswith('  File "<frozen importlib._bootstrap>"')
    last = f'  File "{tmp_path}/main.py", line 1, in <module>\n    raise Exception("Runtime startup fails")\n'
    assert trace[-1] == last


def test_an_exception_has_type_message_and_trace(python, transport, tmp_path):
    function = python(
        "def fall(depth):\n"
        "    if depth == 0:\n"
        "        raise ValueError('not good: ä')\n"
        "    fall(depth - 1)\n"
        "def handler(event, context):\n"
        "    fall(1)\n",
        transport=transport,
    )
    path = tmp_path / "main.py"
    assert function.error(request_id=REQUEST_ID) == {
        "errorMessage": "not good: ä",
        "errorType": "ValueError",
        "requestId": REQUEST_ID,
        "stackTrace": [
            f'  File "{path}", line 6, in handler\n    fall(1)\n',
            f'  File "{path}", line 4, in fall\n    fall(depth - 1)\n',
            f'  File "{path}", line 3, in fall\n    raise ValueError(\'not good: ä\')\n',
        ],
    }
    assert (
        "[ERROR] ValueError: not good: ä\rTraceback (most recent call last):\r"
        f'\u00a0\u00a0File "{path}", line 6, in handler\r\u00a0\u00a0\u00a0\u00a0fall(1)\r'
    ) in function.text()


def test_the_next_event_after_an_exception_is_served(python, transport):
    function = python(
        "def handler(event, context):\n    return 1 // event\n", transport=transport
    )
    assert function.error(0)["errorType"] == "ZeroDivisionError"
    assert function.result(1) == 1


def test_an_answer_that_is_no_json_is_told(python):
    function = python("def handler(event, context):\n    return {1, 2}\n")
    error = function.error(request_id=REQUEST_ID)
    assert error == {
        "errorMessage": "Unable to marshal response: Object of type set is not JSON serializable",
        "errorType": "Runtime.MarshalError",
        "requestId": REQUEST_ID,
        "stackTrace": [],
    }


@pytest.mark.parametrize("payload", [b"{", b"", b'"\xff"', b"[1] 2"])
def test_an_event_that_is_no_json_is_told(python, payload):
    function = python(ECHO)
    error = function.error(payload)
    assert error["errorType"] == "Runtime.UnmarshalError"
    assert error["errorMessage"].startswith("Unable to unmarshal input: ")
    assert function.result(1) == 1


@pytest.mark.parametrize(
    "expression, payload",
    [
        ("{'a': Decimal('1.10'), 'b': [Decimal('-3E+2')]}", b'{"a": 1.10, "b": [-3E+2]}'),
        ("Decimal('NaN')", b"NaN"),
        ("float('inf')", b"Infinity"),
        ("'\\u00e4'", '"ä"'.encode()),
        ("'\\ud83d'", b'"\\ud83d"'),
        ("['ä', '\\ud83d']", b'["\\u00e4", "\\ud83d"]'),
        ("b'\\x00\\xff'", b"\x00\xff"),
        ("{1: (1, 2), None: True}", b'{"1": [1, 2], "null": true}'),
        ("'decimal-'", b'"decimal-"'),
    ],
)
def test_answers_are_written_as_lambda_writes_them(python, transport, expression, payload):
    function = python(
        f"from decimal import Decimal\ndef handler(event, context):\n    return {expression}\n",
        transport=transport,
    )
    answer = function.invoke()
    assert (answer.kind, answer.payload) == (RESPONSE, payload)


def test_the_context_has_all_fields(python, transport):
    function = python(
        """
import os
def handler(event, context):
    client = context.client_context
    return [
        context.aws_request_id, context.function_name, context.function_version,
        context.memory_limit_in_mb, context.log_group_name, context.log_stream_name,
        context.invoked_function_arn, context.identity.cognito_identity_id, context.tenant_id,
        client.custom, client.env, client.client.app_title, os.environ.get("_X_AMZN_TRACE_ID"),
        os.getenv("_X_AMZN_TRACE_ID") is not None, "LambdaContext([aws_request_id=" in repr(context),
    ]
""",
        transport=transport,
    )
    context = {"custom": {"a": 1}, "env": {"b": "2"}, "client": {"app_title": "it"}}
    got = function.result(
        {}, request_id=REQUEST_ID, context=json.dumps(context).encode(), trace=b"Root=1-2"
    )
    assert got == [
        REQUEST_ID, "tested", "$LATEST", "128", "/aws/lambda/tested",
        "2024/01/01/[$LATEST]0123", "arn:aws:lambda:us-east-1:000000000000:function:tested",
        None, None, {"a": 1}, {"b": "2"}, "it", "Root=1-2", True, True,
    ]


def test_what_only_the_runtime_api_tells_is_in_the_context(python):
    function = python(
        "def handler(event, context):\n"
        "    return [context.identity.cognito_identity_id, context.tenant_id]\n",
        transport="api",
    )
    identity = '{"cognitoIdentityId":"id","cognitoIdentityPoolId":"pool"}'
    headers = {"Lambda-Runtime-Cognito-Identity": identity, "Lambda-Runtime-Aws-Tenant-Id": "t1"}
    assert function.result(headers=headers) == ["id", "t1"]
    assert function.result() == [None, None]


def test_a_client_context_that_is_no_json_is_told(python):
    function = python(ECHO)
    error = function.error(1, context=b"{")
    assert error["errorType"] == "Runtime.LambdaContextUnmarshalError"
    assert error["errorMessage"].startswith("Unable to parse Client Context JSON: ")


def test_the_trace_leaves_the_environment_with_its_event(python, transport):
    function = python(
        """
import os, subprocess
def handler(event, context):
    real = subprocess.run(["printenv", "_X_AMZN_TRACE_ID"], stdout=-1).stdout.decode().strip()
    return [os.environ.get("_X_AMZN_TRACE_ID"), real]
""",
        transport=transport,
    )
    got = [function.result(trace=trace) for trace in (b"Root=1-long-one", b"", b"Root=2")]
    assert got == [["Root=1-long-one"] * 2, [None, ""], ["Root=2"] * 2]


def test_remaining_time_counts_down_to_zero(python):
    function = python(
        "def handler(event, context):\n    return context.get_remaining_time_in_millis()\n"
    )
    now = int(time.time() * 1000)
    assert 50000 < function.result(deadline_ms=now + 60000) <= 60000
    assert function.result(deadline_ms=now - 1) == 0


def test_modules_of_the_function_come_first(python):
    function = python(
        "import sys, colorsys\n"
        "def handler(event, context):\n    return [colorsys.mine, sys.path[-1]]\n",
        files={"colorsys.py": "mine = 'mine'"},
    )
    mine, last = function.result()
    assert mine == "mine" and last.endswith("runtimes/python")


def test_an_exit_ends_the_process_with_its_status(python, transport):
    code = "import sys\nprint('bye', end='')\nsys.exit(7)\n"
    function = python(code, transport=transport, wait=False)
    assert function.exit() == 7
    assert function.text() == "bye"

    code = "import sys\ndef handler(e, c):\n    print('bye', end='')\n    sys.exit(event)\nevent = 0\n"
    function = python(code, transport=transport)
    function.send(1)
    assert function.exit() == 0
    assert function.text() == "bye"


def test_globals_live_between_events(python):
    function = python(
        "count = 0\ndef handler(event, context):\n"
        "    global count\n    count += 1\n    return count\n"
    )
    assert [function.result() for _ in range(3)] == [1, 2, 3]


# --- the ring ---


def test_a_large_event_comes_and_goes_by_the_api(python):
    function = python(ECHO)
    big = json.dumps("ä" * 1_000_000, ensure_ascii=False).encode()
    function.api.push(big)
    sequence = function.ring.push(b"", flags=BY_API, request_id=function.api.current)
    closing = function.ring.answer()
    assert (closing.kind, closing.sequence) == (ANSWERED_BY_API, sequence)
    function.api.answer()  # it had asked for an event
    answer = function.api.answer()
    assert (answer.kind, answer.payload) == (RESPONSE, big)
    assert function.result("small again") == "small again"


def test_large_answers_and_errors_go_by_the_api(python):
    function = python(
        "def handler(event, context):\n"
        "    if event < 0:\n        raise ValueError('x' * -event)\n"
        "    return 'x' * (event - 2)\n"
    )
    assert len(function.invoke(RECORD_MAX).payload) == RECORD_MAX
    function.api.current = REQUEST_ID
    assert function.invoke(RECORD_MAX + 1, request_id=REQUEST_ID).kind == ANSWERED_BY_API
    assert len(function.api.answer().payload) == RECORD_MAX + 1
    assert function.invoke(-RECORD_MAX, request_id=REQUEST_ID).kind == ANSWERED_BY_API
    answer = function.api.answer()
    assert answer.type == "ValueError" and json.loads(answer.payload)["requestId"] == REQUEST_ID


def test_a_batch_is_answered_in_order_without_those_taken_back(python):
    function = python(ECHO)
    ring = function.ring
    ring.sleep()
    for i in range(SLOTS):
        claim = {"claim": CLAIM_REVOKED} if i % 3 == 0 else {}
        ring.place(b"%d" % i, **claim)
    ring.publish()
    left = [i for i in range(SLOTS) if i % 3]
    while ring.answers_ready < len(left):
        time.sleep(0.001)
    assert ring.times_woken() == 1
    answers = [ring.answer() for _ in left]
    assert [int(a.payload) for a in answers] == left
    assert [a.sequence for a in answers] == [i + 1 for i in left]
    assert all(a.began_us <= a.ended_us for a in answers)
    assert all(a.ended_us <= b.began_us for a, b in zip(answers, answers[1:]))


def test_threads_run_while_it_waits(python):
    function = python(
        "import threading\n"
        "def handler(event, context):\n"
        "    threading.Timer(0.05, print, ['from a thread']).start()\n"
    )
    function.result()
    function.wait_for_log("from a thread\n")


def test_a_ring_of_another_version_is_left_for_the_api(python):
    function = python(ECHO, transport="api", env={"_EVOKE_RING": "2"})
    assert function.result(1) == 1


def test_without_a_ring_to_map_the_api_is_used_and_said(python):
    function = python(ECHO, transport="api", env={"_EVOKE_RING": "1"})
    assert function.result(1) == 1
    assert "the ring is not used, the Runtime API is" in function.text()


# --- what is printed ---


def test_output_is_framed_with_its_event(python):
    function = python(
        """
import sys, os
print("loading")
def handler(event, context):
    print("line", event)
    print("part", end="")
    print("err", file=sys.stderr)
    sys.stdout.buffer.write(b"bytes\\n")
    os.write(1, b"raw\\n")
    print("no end", end="")
"""
    )
    function.result(1)
    function.result(2)
    log = function.log()
    assert log[0] == (0, "loading\n")
    for sequence in (1, 2):
        own = [text for at, text in log if at == sequence]
        assert own == [f"line {sequence}\n", "err\n", "partbytes\n", "no end"]
    assert log.count((None, "raw\n")) == 2


def test_long_output_is_cut_between_lines_or_characters(python):
    function = python(
        "def handler(event, context):\n"
        "    print('ä' * 10000)\n    print('\\n'.join(['z' * 1000] * 20))\n"
    )
    function.result()
    frames = [text for _, text in function.log()]
    assert "".join(frames) == "ä" * 10000 + "\n" + ("z" * 1000 + "\n") * 20
    assert all(text.endswith("z\n") for text in frames if "z" in text)


def test_without_a_ring_output_is_plain(python):
    function = python("def handler(e, c):\n    print('plain')\n", transport="api")
    function.result()
    assert function.log() == [(None, "plain\n")]


LOGGING = """
import logging
logger = logging.getLogger("mine")
def handler(event, context):
    logging.info("info")
    logger.warning("warn %s", "ä", extra={"more": 1})
    try:
        1 // 0
    except ZeroDivisionError:
        logger.exception("caught")
"""


def test_logging_writes_lambdas_text_lines(python, transport):
    function = python(LOGGING, transport=transport)
    function.result(request_id=REQUEST_ID)
    lines = function.text().split("\n")
    fields = lines[0].split("\t")
    assert fields[0] == "[WARNING]" and fields[1].endswith("Z") and len(fields[1]) == 24
    assert fields[2:] == [REQUEST_ID, "warn ä"]
    assert lines[1].startswith("[ERROR]\t") and "\tcaught\rTraceback (most recent call" in lines[1]
    assert lines[1].endswith("ZeroDivisionError: integer division or modulo by zero")
    assert lines[2:] == [""]


def test_logging_writes_lambdas_json_lines(python):
    function = python(LOGGING, env={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"})
    function.result(request_id=REQUEST_ID)
    info, warn, error = [json.loads(line) for line in function.text().splitlines()]
    assert info.pop("timestamp").endswith("Z")
    assert info == {"level": "INFO", "message": "info", "logger": "root", "requestId": REQUEST_ID}
    assert warn["more"] == 1 and warn["message"] == "warn ä" and warn["level"] == "WARNING"
    assert error["errorType"] == "ZeroDivisionError" and error["stackTrace"]
    assert error["errorMessage"] == "integer division or modulo by zero"
    assert error["location"].endswith(":handler:10")


def test_an_error_is_logged_as_json(python):
    function = python(
        "def handler(e, c):\n    raise KeyError('k')\n", env={"AWS_LAMBDA_LOG_FORMAT": "JSON"}
    )
    function.error(request_id=REQUEST_ID)
    record = json.loads(function.text())
    assert (record["level"], record["errorType"], record["requestId"]) == (
        "ERROR", "KeyError", REQUEST_ID,
    )


def test_the_log_level_is_that_of_the_environment(python):
    code = "import logging\ndef handler(e, c):\n    logging.debug('d')\n    logging.error('e')\n"
    for level, wanted in (("TRACE", 2), ("DEBUG", 2), ("FATAL", 0), ("", 1)):
        function = python(code, env={"AWS_LAMBDA_LOG_LEVEL": level})
        function.result()
        assert function.text().count("\n") == wanted, level
