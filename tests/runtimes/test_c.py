# SPDX-License-Identifier: Apache-2.0
"""The C library, by both transports."""

import base64
import json
import os
import time

from ring_peer import (
    BY_API, CLAIM_REVOKED, CLAIM_TAKEN, DATA_BYTES, RECORD_MAX, RESPONSE, SLOTS, ANSWERED_BY_API,
)
from instance import is_ready, stream_answer

ECHO = """
#include <evoke.h>
static void handler(const char *event, size_t len, struct evoke_context *context)
{
    evoke_respond_bytes(context, event, len);
}
int main(void)
{
    return evoke_run(handler, NULL);
}
"""


def with_handler(body, rest=""):
    return f"""
#include <evoke.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
{rest}
static void handler(const char *event, size_t len, struct evoke_context *context)
{{
{body}
}}
int main(void)
{{
    return evoke_run(handler, "data");
}}
"""


def test_a_handler_answers_event_after_event(c, transport):
    function = c(ECHO, transport=transport)
    assert is_ready(function)
    for i in range(300):
        assert function.result({"number": i}) == {"number": i}


def test_the_context_has_what_the_request_had(c, transport):
    function = c(
        with_handler(
            r"""
    char text[1024];
    snprintf(text, sizeof text, "[\"%s\",\"%s\",\"%s\",\"%s\",%s,%d,\"%s\"]", context->request_id,
             context->function_arn, context->trace_id, getenv("_X_AMZN_TRACE_ID"),
             context->client_context, event[len] == 0, (char *)context->data);
    evoke_respond(context, text);"""
        ),
        transport=transport,
    )
    request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    for trace in (b"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", b"Root=1-2;Sampled=0"):
        got = function.result({}, request_id=request_id, context=b'{"custom":{"a":1}}', trace=trace)
        assert got[0] == request_id and got[1].startswith("arn:aws:lambda:")
        assert got[2] == got[3] == trace.decode()
        assert got[4:] == [{"custom": {"a": 1}}, 1, "data"]


def test_the_trace_leaves_the_environment_with_its_event(c, transport):
    function = c(
        with_handler('evoke_respond(context, getenv("_X_AMZN_TRACE_ID") ? "true" : "false");'),
        transport=transport,
    )
    assert [function.result(trace=t) for t in (b"Root=1", b"", b"Root=1")] == [True, False, True]


def test_remaining_time_counts_down_to_zero(c, transport):
    function = c(
        with_handler(
            r"""char text[32];
    snprintf(text, sizeof text, "%d", (int)evoke_remaining_ms(context));
    evoke_respond(context, text);"""
        ),
        transport=transport,
    )
    now = int(time.time() * 1000)
    assert 50000 < function.result(deadline_ms=now + 60000) <= 60000
    assert function.result(deadline_ms=now - 1) == 0


def test_a_failure_has_type_and_message(c, transport):
    function = c(
        with_handler(r'evoke_fail(context, "Order Invalid", "a \"quote\"\n\x01 \xff \xc3\xa4");'),
        transport=transport,
    )
    assert function.error() == {
        "errorType": "Order_Invalid",
        "errorMessage": 'a "quote"\n\x01 \ufffd ä',
        "stackTrace": [],
    }


def test_no_answer_is_null_and_only_the_first_counts(c, transport):
    function = c(
        with_handler(
            r"""
    if (strcmp(event, "\"twice\"") == 0) {
        evoke_respond(context, "1");
        printf("%d %d\n", evoke_respond(context, "2"), evoke_fail(context, "A", "b"));
    }"""
        ),
        transport=transport,
    )
    assert function.result("none") is None
    assert function.result("twice") == 1
    assert function.result("none") is None
    assert "-1 -1\n" in function.text()


def test_a_failed_start_is_told(c, transport):
    function = c(
        '#include <evoke.h>\nint main(void) { return evoke_fail_init("App.NoConfig", "no file"); }',
        transport=transport,
    )
    assert function.init_error() == {
        "errorType": "App.NoConfig", "errorMessage": "no file", "stackTrace": [],
    }
    assert function.exit() == 1


def test_without_a_runtime_the_reason_is_printed(c):
    function = c(ECHO, transport="ring")
    path = function.process.args[0]
    assert os.system(f"env -i {path} 2>/dev/null") >> 8 == 1


def test_a_large_event_comes_and_goes_by_the_api(c):
    function = c(ECHO)
    big = json.dumps("x" * 6_000_000).encode()
    function.api.push(big)
    sequence = function.ring.push(b"", flags=BY_API, request_id=function.api.current)
    closing = function.ring.answer()
    assert (closing.kind, closing.sequence) == (ANSWERED_BY_API, sequence)
    function.api.answer()  # it had asked for an event
    assert function.api.answer().payload == big
    assert function.result("small again") == "small again"


def test_a_large_answer_goes_by_the_api(c):
    function = c(
        with_handler(
            r"""
    size_t size = (size_t)atoi(event);
    char *text = malloc(size);
    memset(text, 'x', size);
    text[0] = text[size - 1] = '"';
    evoke_respond_bytes(context, text, size);
    free(text);"""
        )
    )
    assert len(function.result(RECORD_MAX)) == RECORD_MAX - 2
    request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function.api.current = request_id
    assert function.invoke(RECORD_MAX + 1, request_id=request_id).kind == ANSWERED_BY_API
    assert len(function.api.answer().payload) == RECORD_MAX + 1


def test_a_chunked_event_is_understood(c):
    function = c(ECHO, transport="api")
    function.api.chunked = True
    for size in (0, 1, 998, 5000, 100_000):
        assert function.result("y" * size) == "y" * size


def test_an_event_taken_back_is_skipped(c):
    function = c(ECHO)
    ring = function.ring
    ring.place(b"1", claim=CLAIM_REVOKED)
    ring.place(b"2")
    ring.place(b"3", claim=CLAIM_REVOKED)
    ring.publish()
    answer = ring.answer()
    assert (answer.payload, answer.sequence) == (b"2", 2)
    assert function.result(4) == 4
    assert ring.claim_of(2) == CLAIM_TAKEN and ring.claim_of(3) == CLAIM_REVOKED
    assert ring.event_tail == 4


def test_a_batch_wakes_the_shard_at_its_first_answer_only(c):
    function = c(ECHO)
    ring = function.ring
    assert ring.attached
    ring.sleep()
    for i in range(SLOTS):
        ring.place(b"%d" % i)
    ring.publish()
    while ring.answers_ready < SLOTS:
        time.sleep(0.001)
    assert ring.times_woken() == 1
    assert [ring.answer().payload for _ in range(SLOTS)] == [b"%d" % i for i in range(SLOTS)]


def test_times_are_those_of_the_event(c):
    function = c(ECHO)
    before = time.monotonic_ns() // 1000
    answer = function.invoke(1)
    assert before <= answer.began_us <= answer.ended_us <= time.monotonic_ns() // 1000


def test_answers_wait_for_room_and_wrap_around(c):
    function = c(ECHO)
    ring = function.ring
    texts = [json.dumps(chr(97 + i % 26) * (RECORD_MAX - 2 - i)).encode() for i in range(12)]
    sent = 0
    got = []
    while len(got) < len(texts):
        while sent < len(texts) and sent - len(got) < 3:
            ring.push(texts[sent])
            sent += 1
        answer = ring.answer()
        got.append(answer.payload)
    assert got == texts
    # More than the ring can hold unread: the instance has to wait for us.
    for i in range(3):
        ring.push(texts[i])
    ring.peek()
    while ring.answers_ready < 3:
        time.sleep(0.001)
    ring.push(texts[3])
    ring.push(texts[4])
    assert sum(len(texts[i]) for i in range(5)) > DATA_BYTES
    assert [ring.answer().payload for _ in range(5)] == texts[:5]


def test_output_is_framed_with_its_event(c):
    function = c(
        with_handler(
            r"""
    printf("one\ntwo ");
    fprintf(stderr, "err\n");
    printf("three");
    if (len > 3)
        printf("%s", event);"""
        )
    )
    function.result(1)
    function.result("ä" * 5000)
    log = function.log()
    assert all(sequence in (1, 2) for sequence, _ in log)
    first = "".join(text for sequence, text in log if sequence == 1)
    assert "one\n" in first and "two three" in first and "err\n" in first
    second = "".join(text for sequence, text in log if sequence == 2)
    assert '"' + "ä" * 5000 + '"' in second.replace("\\u00e4", "ä")


def test_without_a_ring_output_is_plain(c):
    function = c(with_handler('printf("plain\\n");'), transport="api")
    function.result(1)
    assert function.log() == [(None, "plain\n")]


def test_log_lines_are_lambdas(c):
    code = with_handler(
        r"""
    evoke_log(context, EVOKE_DEBUG, "left out");
    evoke_log(context, EVOKE_INFO, "a %s\nb", "\"message\"");"""
    )
    request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function = c(code, env={"AWS_LAMBDA_LOG_LEVEL": "INFO"})
    function.result(request_id=request_id)
    at, got_id, level, message = function.text().rstrip("\n").split("\t")
    assert at.endswith("Z") and (got_id, level) == (request_id, "INFO")
    assert message == 'a "message"\rb'

    function = c(code, env={"AWS_LAMBDA_LOG_LEVEL": "INFO", "AWS_LAMBDA_LOG_FORMAT": "JSON"})
    function.result(request_id=request_id)
    record = json.loads(function.text())
    assert record.pop("timestamp").endswith("Z")
    assert record == {"level": "INFO", "requestId": request_id, "message": 'a "message"\nb'}


def test_a_function_that_exits_says_so_by_its_status(c, transport):
    function = c(with_handler("exit(42);"), transport=transport)
    function.send(1)
    assert function.exit() == 42


def test_children_do_not_inherit_the_ring(c):
    function = c(
        with_handler(
            r"""
    char text[256] = "";
    FILE *list = popen("ls -l /proc/self/fd | grep -c -e memfd -e ' [45] ->'", "r");
    if (!list || !fgets(text, sizeof text, list))
        strcpy(text, "-1");
    if (list)
        pclose(list);
    evoke_respond(context, text);"""
        )
    )
    assert function.result() == 0


# --- streams ---


def test_a_stream_goes_by_the_api(c, transport):
    function = c(
        with_handler(
            r"""
    if (evoke_stream_begin(context, "text/plain") < 0)
        abort();
    evoke_stream_write(context, "one ", 4);
    evoke_stream_write(context, "", 0);
    evoke_stream_write(context, event, len);
    if (evoke_stream_end(context) < 0 || evoke_stream_write(context, "x", 1) == 0 ||
        evoke_respond(context, "1") == 0 || evoke_stream_begin(context, "a/b") == 0)
        abort();"""
        ),
        transport=transport,
    )
    for event in (2, "x" * 50_000):
        answer = stream_answer(function, event)
        assert answer.kind == RESPONSE and answer.payload.decode() == "one " + json.dumps(event)
        assert answer.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert answer.headers["content-type"] == "text/plain"
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.trailers == {}


def test_a_stream_ends_with_its_handler(c, transport):
    function = c(
        with_handler(
            r"""
    evoke_stream_begin_http(context, "{\"statusCode\":201}");
    evoke_stream_write(context, "body", 4);"""
        ),
        transport=transport,
    )
    for _ in range(2):
        answer = stream_answer(function)
        assert answer.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
        assert answer.payload == b'{"statusCode":201}' + bytes(8) + b"body"


def test_a_stream_that_breaks_off_says_why_in_its_trailers(c, transport):
    function = c(
        with_handler(
            r"""
    char message[3000] = "broke \xc3\xbc ";
    memset(message + strlen(message), 'x', 2000);
    evoke_stream_begin(context, "text/plain");
    evoke_stream_write(context, "part", 4);
    evoke_stream_fail(context, "Order Gone", message);"""
        ),
        transport=transport,
    )
    answer = stream_answer(function)
    assert answer.payload == b"part"
    assert answer.trailers["lambda-runtime-function-error-type"] == "Order_Gone"
    error = json.loads(base64.b64decode(answer.trailers["lambda-runtime-function-error-body"]))
    assert error["errorType"] == "Order_Gone"
    assert error["errorMessage"].startswith("broke ü xxx") and len(error["errorMessage"].encode()) == 1024


def test_a_content_type_that_is_none_begins_no_stream(c, transport):
    function = c(
        with_handler(
            r"""
    char longer[300] = "";
    memset(longer, 'a', sizeof longer - 1);
    if (evoke_stream_begin(context, "") == 0 || evoke_stream_begin(context, "a\r\nb: c") == 0 ||
        evoke_stream_begin(context, longer) == 0 || evoke_stream_write(context, "x", 1) == 0 ||
        evoke_stream_end(context) == 0 || evoke_stream_fail(context, "T", "m") == 0)
        abort();
    evoke_respond(context, "\"whole\"");"""
        ),
        transport=transport,
    )
    assert function.result() == "whole"
