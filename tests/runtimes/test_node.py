# SPDX-License-Identifier: Apache-2.0
"""Lambda's conventions for functions in Node.js, by both transports."""

import base64
import json
import time

import pytest

from instance import STREAM_ID as REQUEST_ID, is_ready, stream_answer
from ring_peer import (
    ANSWERED_BY_API, BY_API, CLAIM_REVOKED, ERROR, RECORD_MAX, RESPONSE, SLOTS,
)

ECHO = "exports.handler = async (event) => event;"


def handler(body, rest=""):
    return f"{rest}\nexports.handler = async (event, context) => {{ {body} }};\n"


def test_a_handler_answers_event_after_event(node, transport):
    function = node(ECHO, transport=transport)
    assert is_ready(function)
    for event in ({"a": [1, 2.5, None, True]}, "text", 'ä€😀 "\\\n\x7f', [], 0, None, {"": {}}):
        assert function.result(event) == event


# --- handlers ---


@pytest.mark.parametrize(
    "name, files",
    [
        ("index.handler", {"index.js": "exports.handler = async () => 1"}),
        ("folder/deep/mod.run", {"folder/deep/mod.js": "exports.run = async () => 1"}),
        ("index.a.b.c", {"index.js": "exports.a = {b: {c: async () => 1}}"}),
        ("index.handler", {"index.cjs": "exports.handler = async () => 1"}),
        ("index.handler", {"index.mjs": "export const handler = async () => 1"}),
        ("index.handler", {
            "index.mjs": "const one = await Promise.resolve(1); export const handler = async () => one"}),
        ("index.handler", {
            "package.json": '{"type": "module"}', "index.js": "export const handler = async () => 1"}),
        ("src/index.handler", {
            "package.json": '{"type": "module"}', "src/package.json": "{}",
            "src/index.js": "exports.handler = async () => 1"}),
        ("src/index.handler", {
            "package.json": '{"type": "module"}',
            "src/index.js": "export const handler = async () => 1"}),
        ("package.handler", {"node_modules/package/index.js": "exports.handler = async () => 1"}),
        ("index.handler", {
            "index/other.js": "", "index.js": "exports.handler = async () => 1"}),
        ("index.handler", {
            "index.js": "exports.handler = async () => require('dep').one",
            "node_modules/dep/index.js": "exports.one = 1"}),
    ],
)
def test_handlers_are_found_by_lambdas_names(node, name, files):
    function = node(None, handler=name, files=files)
    assert function.result() == 1


@pytest.mark.parametrize(
    "name, code, error_type, message",
    [
        ("index", "", "Runtime.MalformedHandlerName", "Bad handler"),
        ("../index.handler", "", "Runtime.MalformedHandlerName",
         "'../index.handler' is not a valid handler name. Use absolute paths when specifying "
         "root directories in handler names."),
        ("index.other", "", "Runtime.HandlerNotFound", "index.other is undefined or not exported"),
        ("index.a.b", "", "Runtime.HandlerNotFound", "index.a.b is undefined or not exported"),
        ("index.handler", "exports.handler = 1", "Runtime.HandlerNotFound",
         "index.handler is not a function"),
        ("index.handler", "exports.handler = (", "Runtime.UserCodeSyntaxError",
         "SyntaxError: Unexpected end of input"),
        ("index.handler", "throw new TypeError('at load')", "TypeError", "at load"),
        ("index.handler", "throw 'text'", "string", "text"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_told(
    node, transport, name, code, error_type, message
):
    function = node(code, handler=name, transport=transport)
    error = function.init_error()
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert list(error) == ["errorType", "errorMessage", "trace"]
    if error_type != "string":
        assert error["trace"][0] == f"{error_type}: {message}"
        assert error["trace"][1].startswith("    at ")
    assert function.exit() == 129
    assert "\tundefined\tERROR\tUncaught Exception \t{" in function.text()


def test_a_module_that_is_not_there_is_told_as_aws_does(node):
    function = node("", handler="absent.handler")
    error = function.init_error()
    assert error["errorType"] == "Runtime.ImportModuleError"
    lines = error["errorMessage"].split("\n")
    assert lines[:2] == ["Error: Cannot find module 'absent'", "Require stack:"]
    assert lines[2].endswith("/index.mjs")

    function = node("require('no-such-module')")
    error = function.init_error()
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"].startswith("Error: Cannot find module 'no-such-module'\nRequire")


def test_a_rejection_while_loading_is_told(node, transport):
    code = "Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 60000))"
    function = node(None, files={"index.mjs": code}, transport=transport)
    error = function.init_error()
    assert error["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert error["errorMessage"] == "Error: lost"
    assert function.exit() == 128


def test_a_module_that_never_finishes_loading_ends_the_process(node):
    function = node(None, files={"index.mjs": "await new Promise(() => {})"}, wait=False)
    assert function.exit() in (0, 13)  # by the version of Node


# --- answers ---


@pytest.mark.parametrize(
    "code, result",
    [
        ("exports.handler = async () => 1", 1),
        ("exports.handler = async () => {}", None),
        ("exports.handler = () => Promise.resolve({a: 1})", {"a": 1}),
        ("exports.handler = () => ({then: (done) => done(2)})", 2),
        ("exports.handler = async () => { await new Promise(r => setTimeout(r, 5)); return 3 }", 3),
        ("exports.handler = async () => { await new Promise(r => setImmediate(r)); return 4 }", 4),
        ("exports.handler = async () => { await new Promise(r => process.nextTick(r)); return 5 }", 5),
        ("exports.handler = (event, context, callback) => callback(null, 6)", 6),
        ("exports.handler = (event, context, callback) => { setTimeout(() => callback(null, 7), 5) }", 7),
        ("exports.handler = (e, context) => context.succeed(8)", 8),
        ("exports.handler = (e, context) => context.done(null, 9)", 9),
        ("exports.handler = (e, context) => { setTimeout(context.done, 5, undefined, 10) }", 10),
        ("exports.handler = () => 11", None),
        ("exports.handler = () => {}", None),
        ("exports.handler = () => new Promise(() => {})", None),
        ("exports.handler = async () => () => 12", None),
        ("exports.handler = (e, c, callback) => { callback(null, 13); callback(null, 0); c.fail('x') }", 13),
        ("exports.handler = async (e, c, callback) => { callback(null, 14); return 0 }", 14),
        ("exports.handler = async () => '\\ud83d'", "\ud83d"),
    ],
)
def test_every_way_to_answer_works_twice(node, transport, code, result):
    function = node(code, transport=transport)
    assert function.result() == result
    assert function.result() == result


def test_a_callback_waits_for_an_empty_loop_unless_told_not_to(node, transport):
    function = node(
        """
let late = 0;
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = event.waits;
  const before = late;
  setTimeout(() => late++, 100);
  const answer = { before, get late() { return late; } };
  callback(null, answer);
};
""",
        transport=transport,
    )
    assert function.result({"waits": True}) == {"before": 0, "late": 1}
    assert function.result({"waits": False}) == {"before": 1, "late": 1}
    got = function.result({"waits": True})
    assert got["late"] == 3


def test_a_promise_does_not_wait_for_an_empty_loop(node, transport):
    function = node(
        "exports.handler = async () => { setTimeout(() => {}, 60000); return 1; }",
        transport=transport,
    )
    assert function.result() == 1
    assert function.result() == 1


@pytest.mark.parametrize(
    "code, error_type, message",
    [
        ("exports.handler = async () => { throw new TypeError('no') }", "TypeError", "no"),
        ("exports.handler = () => { throw new RangeError('no') }", "RangeError", "no"),
        ("exports.handler = (e, c, callback) => callback(new Error('ä\\nb'))", "Error", "ä\nb"),
        ("exports.handler = (e, c, callback) => { setTimeout(callback, 5, 'text') }", "string", "text"),
        ("exports.handler = (e, c) => c.fail(new Error('f'))", "Error", "f"),
        ("exports.handler = (e, c) => c.fail()", "string", "handled"),
        ("exports.handler = (e, c) => c.done('d')", "string", "d"),
        ("exports.handler = async () => { throw 42 }", "number", "42"),
        ("exports.handler = async () => { throw {a: 1} }", "object", "[object Object]"),
        ("exports.handler = async () => 1n", "Error", "Unable to stringify response body"),
        ("exports.handler = (e, c, callback) => callback(null, 1n)", "Error",
         "Unable to stringify response body"),
        ("class Mine extends Error { constructor(m) { super(m); this.name = 'Mine' } }\n"
         "exports.handler = async () => { throw new Mine('own') }", "Mine", "own"),
        ("exports.handler = async () => { throw null }", "string", "handled"),
        ("exports.handler = async () => { throw Object.create(null) }", "handled",
         "callback called with Error argument, but there was a problem while retrieving one or "
         "more of its message, name, and stack"),
    ],
)
def test_errors_are_told_as_lambda_does(node, transport, code, error_type, message):
    function = node(code, transport=transport)
    for _ in range(2):
        error = function.error()
        assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert "\tERROR\tInvoke Error \t{" in function.text()


def test_an_error_has_a_trace_as_on_lambda(node, tmp_path):
    function = node(
        "function fall() {\n  throw new Error('deep');\n}\n"
        "exports.handler = async function handler() {\n  fall();\n};\n"
    )
    error = function.error()
    assert list(error) == ["errorType", "errorMessage", "trace"]
    assert error["trace"][:3] == [
        "Error: deep",
        f"    at fall ({tmp_path}/index.js:2:9)",
        f"    at Runtime.handler ({tmp_path}/index.js:5:3)",
    ]


def test_an_event_that_is_no_json_is_told(node, transport):
    function = node(ECHO, transport=transport)
    error = function.error(b"{")
    assert error["errorType"] == "SyntaxError"
    assert function.result(1) == 1


# --- what nobody caught ---


@pytest.mark.parametrize(
    "code, error_type, message, status, title",
    [
        ("setTimeout(() => { throw new TypeError('late') }, 5); await new Promise(() => {})",
         "TypeError", "late", 129, "Uncaught Exception"),
        ("Promise.reject(new Error('lost')); await new Promise(r => setTimeout(r, 60000))",
         "Runtime.UnhandledPromiseRejection", "Error: lost", 128, "Unhandled Promise Rejection"),
        ("process.nextTick(() => { throw new Error('tick') }); await new Promise(() => {})",
         "Error", "tick", 129, "Uncaught Exception"),
    ],
)
def test_an_error_nobody_caught_fails_the_event_and_ends_the_process(
    node, transport, code, error_type, message, status, title
):
    function = node(handler(code), transport=transport)
    error = function.error()
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert function.exit() == status
    assert f"\tERROR\t{title} \t{{" in function.text()


def test_a_rejection_is_blamed_on_its_own_event(node):
    function = node(handler("if (event === 1) Promise.reject(new Error('lost')); return event;"))
    ring = function.ring
    for i in range(3):
        ring.place(b"%d" % i)
    ring.publish()
    assert [ring.answer().payload for _ in range(2)] == [b"0", b"1"]
    # The rejection came out after its event was answered: the next has not begun.
    assert function.exit() == 128
    assert ring.answers_ready == 0 and ring.claim_of(3) == 1


def test_an_exit_ends_the_process_with_its_status(node, transport):
    function = node(handler("console.log('bye'); process.exit(7)"), transport=transport)
    function.send(1)
    assert function.exit() == 7
    assert function.text().endswith("\tINFO\tbye\n")


# --- the context ---


def test_the_context_has_all_fields(node, transport):
    function = node(
        handler(
            """
    return {
      ...context, keys: Object.keys(context), trace: process.env._X_AMZN_TRACE_ID,
      global: globalThis[Symbol.for('aws.lambda.runtime.requestId')],
    };"""
        ),
        transport=transport,
    )
    got = function.result(
        {}, request_id=REQUEST_ID, context=b'{"custom": {"\\u00e4": 1}}', trace=b"Root=1-2;Sampled=1",
    )
    assert got.pop("keys") == [
        "callbackWaitsForEmptyEventLoop", "succeed", "fail", "done", "functionVersion",
        "functionName", "memoryLimitInMB", "logGroupName", "logStreamName", "clientContext",
        "identity", "invokedFunctionArn", "awsRequestId", "tenantId", "getRemainingTimeInMillis",
    ]
    assert got == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "tested",
        "memoryLimitInMB": "128",
        "logGroupName": "/aws/lambda/tested",
        "logStreamName": "2024/01/01/[$LATEST]0123",
        "clientContext": {"custom": {"ä": 1}},
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:tested",
        "awsRequestId": REQUEST_ID,
        "trace": "Root=1-2;Sampled=1",
        "global": REQUEST_ID,
    }


def test_what_only_the_runtime_api_tells_is_in_the_context(node):
    function = node(handler("return [context.identity, context.tenantId]"), transport="api")
    identity = '{"cognitoIdentityId":"id"}'
    headers = {"Lambda-Runtime-Cognito-Identity": identity, "Lambda-Runtime-Aws-Tenant-Id": "t1"}
    assert function.result(headers=headers) == [{"cognitoIdentityId": "id"}, "t1"]
    assert function.result() == [None, None]


def test_the_trace_leaves_the_environment_with_its_event(node, transport):
    function = node(
        handler(
            """
    const child = require('child_process').spawnSync('printenv', ['_X_AMZN_TRACE_ID']);
    return [process.env._X_AMZN_TRACE_ID ?? null, String(child.stdout).trim()];"""
        ),
        transport=transport,
    )
    got = [function.result(trace=trace) for trace in (b"Root=1-long-one", b"", b"Root=2")]
    assert got == [["Root=1-long-one"] * 2, [None, ""], ["Root=2"] * 2]


def test_remaining_time_counts_down(node):
    function = node(handler("const { getRemainingTimeInMillis: left } = context; return left()"))
    assert 50000 < function.result(deadline_ms=int(time.time() * 1000) + 60000) <= 60000


# --- streams ---

STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  %s
});
"""


def test_a_streaming_handler_streams_by_the_api(node, transport):
    function = node(
        STREAM
        % "stream.setContentType('text/plain'); stream.write('one '); stream.write(Buffer.from('two '));"
        " stream.write({three: 3}); stream.end('é');",
        transport=transport,
    )
    for _ in range(3):
        answer = stream_answer(function)
        assert answer.kind == RESPONSE and answer.payload.decode() == 'one two {"three":3}é'
        assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert answer.headers["content-type"] == "text/plain"
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.headers["trailer"] == (
            "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
        )
        assert answer.trailers == {}


def test_pieces_are_sent_as_they_are_written(node):
    function = node(
        STREAM
        % "stream.write('a'); await new Promise(r => setTimeout(r, 200)); stream.write('b'); stream.end();"
    )
    assert stream_answer(function).payload == b"ab"
    first, second = function.api.chunks.get_nowait(), function.api.chunks.get_nowait()
    assert second - first > 0.1


def test_a_prelude_comes_before_the_body(node, transport):
    function = node(
        STREAM
        % "const s = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {a: 'b'}});"
        " if (event.body) s.write(event.body); s.end();",
        transport=transport,
    )
    prelude = b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8)
    for body in ("text", ""):
        answer = stream_answer(function, {"body": body})
        assert answer.headers["content-type"] == (
            "application/vnd.awslambda.http-integration-response"
        )
        assert answer.payload == prelude + body.encode()


def test_pipelines_work_and_large_streams_arrive_whole(node):
    function = node(
        "const { pipeline } = require('stream/promises'); const { Readable } = require('stream');"
        + STREAM
        % "await pipeline(Readable.from(Array.from({length: 300}, (_, i) => Buffer.alloc(10000, i % 256))), stream)"
    )
    assert stream_answer(function).payload == b"".join(bytes([i % 256]) * 10000 for i in range(300))


def test_a_stream_that_breaks_off_says_why_in_its_trailers(node, transport):
    function = node(
        STREAM % "stream.write('part'); if (event) throw new TypeError('broke'); stream.end()",
        transport=transport,
    )
    answer = stream_answer(function, True)
    assert answer.payload == b"part"
    assert answer.trailers["lambda-runtime-function-error-type"] == "TypeError"
    error = json.loads(base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]))
    assert (error["errorType"], error["errorMessage"]) == ("TypeError", "broke")
    assert stream_answer(function, False).trailers == {}


def test_a_stream_that_fails_before_its_first_byte_is_an_error(node, transport):
    function = node(STREAM % "throw new TypeError('early')", transport=transport)
    for _ in range(2):
        error = function.error()
        assert (error["errorType"], error["errorMessage"]) == ("TypeError", "early")


def test_a_streaming_handler_must_be_async(node):
    function = node("exports.handler = awslambda.streamifyResponse(() => 1)")
    error = function.error()
    assert error["errorMessage"] == "Streaming does not support non-async handlers."


def test_a_stream_that_is_never_ended_is_an_error(node):
    function = node(STREAM % "")
    assert function.error()["errorMessage"] == "Response stream is not finished."


def test_an_error_nobody_caught_breaks_the_stream(node):
    function = node(
        STREAM % "stream.write('part'); setTimeout(() => { throw new Error('late') }, 20);"
        " await new Promise(r => setTimeout(r, 60000))"
    )
    function.api.current = REQUEST_ID
    function.send(request_id=REQUEST_ID)
    answer = function.api.answer()
    assert answer.payload == b"part"
    assert answer.trailers["lambda-runtime-function-error-type"] == "Error"
    assert function.exit() == 129


# --- the ring ---


def test_a_large_event_comes_and_goes_by_the_api(node):
    function = node(ECHO)
    big = json.dumps("ä" * 1_000_000, ensure_ascii=False).encode()
    for _ in range(2):
        function.api.push(big)
        sequence = function.ring.push(b"", flags=BY_API, request_id=function.api.current)
        closing = function.ring.answer()
        assert (closing.kind, closing.sequence) == (ANSWERED_BY_API, sequence)
        answer = function.api.answer()
        if answer.kind not in (RESPONSE, ERROR):  # it had asked for its first event
            answer = function.api.answer()
        assert (answer.kind, answer.payload) == (RESPONSE, big)
        assert function.result("small again") == "small again"


@pytest.mark.parametrize("letter", ["x", "ä", "€"])
def test_answers_of_all_sizes_arrive_whole(node, letter):
    function = node(handler("return event.letter.repeat(event.count) + 'y'.repeat(event.more)"))
    width = len(letter.encode())
    for size in (0, 1, 4089, 4090, 4091, 4092, 4093, 4094, 4095, 4096, 60000, RECORD_MAX - 10,
                 RECORD_MAX - 4, RECORD_MAX - 3, RECORD_MAX - 2):
        answer = function.invoke({"letter": letter, "count": size // width, "more": size % width})
        assert answer.payload.decode() == f'"{letter * (size // width)}{"y" * (size % width)}"'
    function.api.current = REQUEST_ID
    event = {"letter": letter, "count": (RECORD_MAX - 2) // width + 1, "more": 0}
    assert function.invoke(event, request_id=REQUEST_ID).kind == ANSWERED_BY_API
    assert function.api.answer().payload.decode() == f'"{letter * event["count"]}"'


def test_large_errors_go_by_the_api(node):
    function = node(handler("throw new Error('x'.repeat(event))"))
    function.api.current = REQUEST_ID
    assert function.invoke(RECORD_MAX, request_id=REQUEST_ID).kind == ANSWERED_BY_API
    answer = function.api.answer()
    assert (answer.kind, answer.type) == (ERROR, "Error")


@pytest.mark.parametrize(
    "code", [ECHO, "exports.handler = (e, c, cb) => cb(null, e)",
             handler("await new Promise(r => setImmediate(r)); return event"),
             "exports.handler = (e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false; cb(null, e) }"],
)
def test_a_batch_is_answered_in_order_without_those_taken_back(node, code):
    function = node(code)
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


def test_one_event_at_a_time(node):
    function = node(
        "let running = 0;" + handler(
            "running++; await new Promise(r => setTimeout(r, 2)); return running--")
    )
    ring = function.ring
    for _ in range(20):
        ring.push(b"0")
    assert [ring.answer().payload for _ in range(20)] == [b"1"] * 20


def test_timers_run_though_events_never_end(node):
    function = node(
        "let fired = false; setTimeout(() => { fired = true }, 1);" + handler("return fired")
    )
    ring = function.ring
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for _ in range(SLOTS):
            ring.place(b"0")
        ring.publish()
        if [ring.answer().payload for _ in range(SLOTS)][-1] == b"true":
            return
    assert False, "the timer never fired"


def test_without_a_ring_to_map_the_api_is_used_and_said(node):
    function = node(ECHO, transport="api", env={"_EVOKE_RING": "1"})
    assert function.result(1) == 1
    assert "the ring is not used, the Runtime API is" in function.text()


def test_children_do_not_inherit_the_ring(node):
    function = node(
        handler(
            "return String(require('child_process').execSync('ls -l /proc/self/fd; printenv'))"
        )
    )
    listed = function.result()
    assert "memfd" not in listed and " 4 ->" not in listed and " 5 ->" not in listed
    assert "_EVOKE_RING" not in listed


# --- what is printed ---


def test_console_writes_lambdas_text_lines(node, transport):
    function = node(
        "console.log('loading');"
        + handler(
            "console.log('a %s', 'ä', {b: 1}); console.warn('two\\nlines'); console.error(new Error('e'));"
            "console.debug('d'); console.trace('t'); console.fatal('f')"
        ),
        transport=transport,
    )
    function.result(request_id=REQUEST_ID)
    lines = [line.split("\t") for line in function.text().split("\n")[:-1]]
    assert [line[1:3] for line in lines] == [["undefined", "INFO"]] + [
        [REQUEST_ID, level] for level in ("INFO", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL")
    ]
    assert all(line[0].endswith("Z") and len(line[0]) == 24 for line in lines)
    assert lines[1][3] == "a ä { b: 1 }" and lines[2][3] == "two\rlines"
    assert lines[3][3].startswith("Error: e\r    at ")


def test_console_writes_lambdas_json_lines(node):
    function = node(
        handler(
            "console.log({a: [1]}); console.warn('x %d', 1); console.error('no', new TypeError('e'));"
            "console.debug('left out'); const c = {}; c.c = c; console.info(c)"
        ),
        env={"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"},
    )
    function.result(request_id=REQUEST_ID)
    records = [json.loads(line) for line in function.text().splitlines()]
    assert all(record.pop("timestamp").endswith("Z") for record in records)
    assert records[0] == {"level": "INFO", "requestId": REQUEST_ID, "message": {"a": [1]}}
    assert records[1] == {"level": "WARN", "requestId": REQUEST_ID, "message": "x 1"}
    assert records[2]["errorType"] == "TypeError" and records[2]["errorMessage"] == "e"
    assert records[2]["stackTrace"][0] == "TypeError: e"
    assert records[3]["message"].startswith("<ref *1>") and len(records) == 4


def test_an_error_is_logged_as_json(node):
    function = node(
        handler("throw new RangeError('r')"), env={"AWS_LAMBDA_LOG_FORMAT": "JSON"}
    )
    function.error(request_id=REQUEST_ID)
    record = json.loads(function.text())
    assert (record["level"], record["requestId"]) == ("ERROR", REQUEST_ID)
    assert record["message"]["errorType"] == "RangeError"


def test_output_is_framed_with_its_event(node):
    function = node(
        "process.stdout.write('loading\\n');"
        + handler(
            "process.stdout.write('out'); process.stderr.write(Buffer.from('err\\n'));"
            "process.stdout.write('6869', 'hex'); console.table([[event]]); require('fs').writeSync(1, 'raw\\n');"
            "await new Promise(r => process.stdout.write('done\\n', r))"
        )
    )
    function.result(1)
    function.result(2)
    log = function.log()
    assert log[0] == (0, "loading\n")
    for sequence in (1, 2):
        own = "".join(text for at, text in log if at == sequence)
        assert own.startswith("outerr\nhi") and "│" in own and own.endswith("done\n")
    assert log.count((None, "raw\n")) == 2


def test_long_lines_are_cut_between_characters(node):
    function = node(handler("process.stdout.write('ä€'.repeat(5000)); console.log('z'.repeat(10000))"))
    function.result()
    text = function.text()
    assert text.startswith("ä€" * 5000) and text.endswith("z" * 10000 + "\n")
