# SPDX-License-Identifier: Apache-2.0
"""Lambda's conventions for Node.js, Python and C functions, through a running daemon.

What only depends on the runtimes is in tests/runtimes; here is what a user of the whole sees.
"""
import base64
import http.client
import itertools
import json
import os
import re
import shutil

import pytest

import c_function
import evoke_daemon

NODE = next((p for p in ("/usr/bin/node", "/usr/local/bin/node") if os.access(p, os.X_OK)), None)
node_only = pytest.mark.skipif(not NODE, reason="no Node.js")
RUNTIMES = evoke_daemon.BUILD / "runtimes"
SDK = RUNTIMES / "nodejs" / "node_modules" / "@aws-sdk"
NUMBERS = itertools.count()
ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def function(daemon, request):
    """function(files, **settings) deploys one and returns a call: event -> (payload, log)."""
    def deploy(files, **settings):
        name = f"{request.node.originalname.removeprefix('test_')[:50]}-{next(NUMBERS)}"
        daemon.create(name, files, **{"Timeout": 10, **settings})

        def call(event=None):
            payload, answer = daemon.invoke(name, event, LogType="Tail")
            return payload, base64.b64decode(answer["LogResult"]).decode()

        call.name = name
        return call

    return deploy


def node(function, code, name="index.mjs", handler="index.handler", files=None, **settings):
    return function({name: code, **(files or {})}, runtime="nodejs", handler=handler, **settings)


def python(function, code, **settings):
    return function({"main.py": code}, runtime="python3.x", **settings)


def all_log(daemon, name):
    events = daemon.boto("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    return "".join(event["message"].rstrip("\n") + "\n" for event in events)


# --- both ---


def wrapped(path):
    return {"Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": path}}}


@pytest.mark.parametrize("first_line", ["#!/bin/sh\n", ""])
def test_a_wrapper_starts_the_runtime(function, first_line):
    script = first_line + 'export WRAPPED="$#"\nprogram="$1"\nshift\nexec "$program" -OO "$@"\n'
    call = function({"main.py": "import os, sys\ndef handler(event, context):\n"
                                "    return [os.environ['WRAPPED'], sys.flags.optimize, event]\n",
                     "wrapper": (script, 0o755)}, runtime="python3.x", **wrapped("/var/task/wrapper"))
    assert [call(n)[0] for n in range(2)] == [["2", 2, n] for n in range(2)]


@node_only
def test_a_wrapper_starts_node_with_its_heap(function):
    script = '#!/bin/sh\nprogram="$1"\nshift\nexec "$program" --no-warnings "$@"\n'
    call = node(function, "exports.handler = async () => process.execArgv;", "index.js",
                files={"wrapper": (script, 0o755)}, **wrapped("/var/task/wrapper"))
    assert call()[0] == ["--no-warnings", "--max-semi-space-size=6", "--max-old-space-size=67"]


@pytest.mark.parametrize("path, status, line", [
    ("/idontexist.sh", 127, "/idontexist.sh: does not exist"),
    ("/var/task/main.py", 126, "/var/task/main.py: is not an executable"),
])
def test_a_wrapper_that_cannot_run_ends_the_start(daemon, function, path, status, line):
    call = python(function, "def handler(event, context):\n    return 1\n", **wrapped(path))
    payload, _ = call()
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith(f"Error: Runtime exited with error: exit status {status}")
    assert line in all_log(daemon, call.name).splitlines()


# --- Node.js ---


@node_only
@pytest.mark.parametrize("name, code", [
    ("index.js", "exports.handler = async (event) => event.n + 1;"),
    ("index.cjs", "exports.handler = (event, context, callback) => callback(null, event.n + 1);"),
    ("index.mjs", "export const handler = async (event) => event.n + 1;"),
    ("index.mjs", "const one = await new Promise((done) => setTimeout(done, 50, 1));\n"
                  "export const handler = (event) => Promise.resolve(event.n + one);"),
    ("index.mjs", "import { readFile } from 'node:fs/promises';\n"
                  "const one = Number(await readFile(new URL('one.txt', import.meta.url)));\n"
                  "export async function handler(event) { return event.n + one; }"),
])
def test_node_handlers_of_every_kind(function, name, code):
    call = node(function, code, name, files={"one.txt": "1"})
    assert [call({"n": n})[0] for n in (1, 2, 3)] == [2, 3, 4]


@node_only
def test_a_node_callback_waits_for_the_loop_unless_told_not_to(function):
    call = node(function, """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = event.waits;
  setTimeout(() => console.log('the timer ran'), 300);
  callback(null, 'done');
};""", "index.js")
    payload, log = call({"waits": True})
    assert payload == "done" and "the timer ran" in log.split("END RequestId")[0]
    payload, log = call({"waits": False})
    assert payload == "done" and "the timer ran" not in log


@node_only
def test_a_node_rejection_nobody_handles_fails_the_call_and_ends_the_instance(function):
    call = node(function, """
let calls = 0;
export const handler = async (event) => {
  calls++;
  if (event.reject) { Promise.reject(new RangeError('nobody')); await new Promise((r) => setTimeout(r, 500)); }
  return calls;
};""")
    assert call({})[0] == 1
    payload, _ = call({"reject": True})
    assert payload["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert "RangeError: nobody" in payload["errorMessage"]
    assert call({})[0] == 1


@node_only
@pytest.mark.parametrize("code, handler, error_type, message", [
    ("throw new TypeError('at load');", "index.handler", "TypeError", "at load"),
    ("export const other = 1;", "index.handler", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
    ("export const handler = 1;", "index.handler", "Runtime.HandlerNotFound", "index.handler is not a function"),
    ("", "nosuch.handler", "Runtime.ImportModuleError", "Cannot find module 'nosuch'"),
    ("import 'nosuch';", "index.handler", "Error", "Cannot find package 'nosuch' imported from /var/task/index.mjs"),
    ("export const handler = (", "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError"),
    ("await Promise.reject(new Error('top level'));", "index.handler", "Error", "top level"),
])
def test_node_code_that_cannot_be_loaded_is_told(function, code, handler, error_type, message):
    call = node(function, code, handler=handler)
    for _ in range(2):
        payload, _ = call({})
        assert payload["errorType"] == error_type and message in payload["errorMessage"]


@node_only
def test_node_errors_have_a_trace_and_their_own_type(function):
    call = node(function, """
class OrderError extends Error { constructor(m) { super(m); this.name = 'OrderError'; } }
function deep() { throw new OrderError('gone: ü'); }
export const handler = async () => deep();""")
    payload, log = call({})
    assert (payload["errorType"], payload["errorMessage"]) == ("OrderError", "gone: ü")
    assert payload["trace"][0] == "OrderError: gone: ü" and "/var/task/index.mjs:3" in payload["trace"][1]
    assert "Invoke Error" in log


@node_only
def test_node_lines_are_text_as_on_lambda(function):
    call = node(function, """
export const handler = async () => {
  console.log('plain', { a: 1 }); console.error('bad'); console.warn('two\\nlines'); console.debug('detail');
};""")
    log = call({})[1]
    for level, text in (("INFO", "plain { a: 1 }"), ("ERROR", "bad"), ("WARN", "two"), ("DEBUG", "detail")):
        assert re.search(rf"^{STAMP}\t{ID}\t{level}\t{re.escape(text)}", log, re.M), log
    assert log.startswith("START RequestId: ") and "REPORT RequestId: " in log


def json_lines(log):
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


# LoggingConfig is younger than Debian's boto3: function.yaml sets it.
JSON_LOG = {"function.yaml": "log-format: json\n"}


@node_only
def test_node_lines_are_json_when_wanted(daemon, function):
    call = node(function, "export const handler = async () => { console.error('bad', 1); return 1; };", files=JSON_LOG)
    payload, log = call({})
    lines = json_lines(log)
    assert payload == 1 and len(lines) == len(log.strip().splitlines())
    said, = [line for line in lines if line.get("level") == "ERROR"]
    assert said["message"] == "bad 1" and re.fullmatch(ID, said["requestId"])
    assert re.fullmatch(STAMP, said["timestamp"])
    kinds = [line["type"] for line in lines if "type" in line]
    assert kinds[0] == "platform.start" and kinds[-1] == "platform.report"


@node_only
@pytest.mark.skipif(not SDK.is_dir(), reason="no @aws-sdk: tools/install-libraries BUILD installs it")
def test_node_functions_find_the_aws_sdk_and_the_daemon(daemon, function):
    daemon.create("sdk-target", {"main.py": "def handler(e, c): return {'got': e}\n"})
    code = """
export const handler = async (event) => {
  const answer = await new LambdaClient().send(new InvokeCommand({ FunctionName: 'sdk-target', Payload: JSON.stringify(event) }));
  return JSON.parse(Buffer.from(answer.Payload).toString());
};"""
    yaml = {"function.yaml": "calls: [sdk-target]\n"}
    imports = {"index.mjs": "import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';",
               "index.cjs": "const { InvokeCommand, LambdaClient } = require('@aws-sdk/client-lambda');"}
    for name, line in imports.items():
        text = line + code if name.endswith("mjs") else line + code.replace("export const handler", "exports.handler")
        assert node(function, text, name, files=yaml, MemorySize=256)({"k": "ü"})[0] == {"got": {"k": "ü"}}


def heap_flags(function, memory, options=None):
    variables = {"Environment": {"Variables": {"NODE_OPTIONS": options}}} if options else {}
    call = node(function, "exports.handler = async () => process.execArgv;", "index.js", MemorySize=memory, **variables)
    return call()[0]


@node_only
@pytest.mark.parametrize("memory, semi, old", [(128, 6, 67), (256, 12, 182), (512, 16, 412), (10240, 16, 9168)])
def test_the_heap_of_node_fits_the_memory(function, memory, semi, old):
    assert heap_flags(function, memory) == [f"--max-semi-space-size={semi}", f"--max-old-space-size={old}"]


@node_only
@pytest.mark.parametrize("options", ["--max-old-space-size=100", "--max_semi_space_size=2", "--no-warnings --max_old_space_size=90"])
def test_a_heap_of_ones_own_is_left_alone(function, options):
    assert heap_flags(function, 128, options) == []


@node_only
def test_other_options_of_node_leave_the_heap_to_the_memory(function):
    assert heap_flags(function, 128, "--no-warnings") == ["--max-semi-space-size=6", "--max-old-space-size=67"]


LARGE_ANSWERS = """
exports.handler = async (event) => event.body ? {statusCode: 200, body: event.body}
    : Array.from({length: 40000}, (_, i) => ({id: i, name: 'row number ' + i, text: 'y'.repeat(60)}));
"""


@node_only
@pytest.mark.parametrize("calls", [50, pytest.param(1000, marks=pytest.mark.soak)])
def test_large_answers_fit_the_smallest_function(daemon, calls):
    """V8 collects what they leave behind long before the control group would end it."""
    name = f"large-answers-{calls}"
    daemon.create(name, {"index.js": LARGE_ANSWERS}, runtime="nodejs", handler="index.handler",
                  MemorySize=128, Timeout=60)
    url = daemon.open_url(name)
    connection = daemon.connect()
    for i in range(calls):
        body = b"z" * (4 << 20) if i % 2 else None
        connection.request("POST" if body else "GET", url, body=body, headers={"content-type": "text/plain"})
        answer = connection.getresponse()
        content = answer.read()
        assert (answer.status, len(content) >> 20) == (200, 4), (i, answer.status, content[:200])
    connection.close()
    used = [int(mb) for mb in re.findall(r"Max Memory Used: (\d+) MB", all_log(daemon, name))]
    assert used and max(used) < 120, max(used)


@node_only
def test_a_node_stream_is_collected_by_invoke(function):
    call = node(function, """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  for (const piece of ['{"a":', '1}']) stream.write(piece);
  stream.end();
});""")
    assert call({})[0] == {"a": 1}
    assert call({})[0] == {"a": 1}


# --- Python ---


def test_python_context_modules_and_globals(function):
    call = python(function, """
import json, os, sys
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return {"calls": calls, "name": context.function_name, "left": context.get_remaining_time_in_millis(),
            "group": context.log_group_name, "task": os.environ["LAMBDA_TASK_ROOT"], "cwd": os.getcwd(),
            "region": os.environ["AWS_REGION"], "version": list(sys.version_info[:2])}
""")
    first, second = call({})[0], call({})[0]
    assert (first["calls"], second["calls"]) == (1, 2)
    assert first["name"] == call.name and first["group"] == f"/aws/lambda/{call.name}"
    assert first["task"] == first["cwd"] == "/var/task" and 0 < first["left"] <= 10_000
    assert first["region"] == "us-east-1" and first["version"][0] == 3


@pytest.mark.parametrize("code, handler, error_type, message", [
    ("import nosuch", "main.handler", "Runtime.ImportModuleError", "Unable to import module 'main': No module named 'nosuch'"),
    ("x = 1", "main.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'main'"),
    ("x = 1", "nosuch.handler", "Runtime.ImportModuleError", "Unable to import module 'nosuch': No module named 'nosuch'"),
    ("def handler(:", "main.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'main'"),
    ("raise ValueError('at load')", "main.handler", "ValueError", "at load"),
    ("x = 1", "main", "Runtime.MalformedHandlerName", "Bad handler 'main'"),
])
def test_python_code_that_cannot_be_loaded_is_told(function, code, handler, error_type, message):
    call = python(function, code, handler=handler)
    for _ in range(2):
        payload, _ = call({})
        assert payload["errorType"] == error_type and message in payload["errorMessage"]


def test_python_errors_have_a_trace_and_are_logged(function):
    call = python(function, """
class OrderError(Exception): pass
def deep(): raise OrderError("gone: ü")
def handler(event, context): deep()
""")
    payload, log = call({})
    assert (payload["errorType"], payload["errorMessage"]) == ("OrderError", "gone: ü")
    assert re.fullmatch(ID, payload["requestId"])
    assert [re.search(r'line (\d+), in (\w+)', line).groups() for line in payload["stackTrace"]] == [
        ("4", "handler"), ("3", "deep")]
    assert "[ERROR] OrderError: gone: ü" in log and "Traceback (most recent call last):" in log


def test_an_answer_that_is_no_json_is_an_error(function):
    payload, _ = python(function, "def handler(e, c): return {1, 2}\n")({})
    assert payload["errorType"] == "Runtime.MarshalError"
    assert payload["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


LOGS = """
import logging
logger = logging.getLogger()
logger.setLevel("INFO")
def handler(event, context):
    logger.info("told %s", 1); logger.debug("hidden"); print("printed")
    try: 1 / 0
    except ZeroDivisionError: logger.exception("bad")
"""


def test_python_lines_are_text_as_on_lambda(function):
    log = python(function, LOGS)({})[1]
    assert re.search(rf"^\[INFO\]\t{STAMP}\t{ID}\ttold 1$", log, re.M), log
    # One message is one line of the log, as on Lambda.
    assert re.search(rf"^\[ERROR\]\t{STAMP}\t{ID}\tbad\rTraceback .*\rZeroDivisionError: ", log, re.M)
    assert "printed\n" in log and "hidden" not in log


def test_python_lines_are_json_when_wanted(function):
    log = function({"main.py": LOGS, **JSON_LOG}, runtime="python3.x")({})[1]
    lines = json_lines(log)
    told, = [line for line in lines if line.get("message") == "told 1"]
    assert told["level"] == "INFO" and re.fullmatch(ID, told["requestId"])
    bad, = [line for line in lines if line.get("message") == "bad"]
    assert bad["errorType"] == "ZeroDivisionError" and bad["stackTrace"]
    assert "printed" in log.splitlines()
    assert [line["type"] for line in lines if "type" in line][-1] == "platform.report"


def test_python_functions_find_boto3_and_the_daemon(daemon, function):
    daemon.create("boto3-target", {"main.py": "def handler(e, c): return {'got': e}\n"})
    call = function({"function.yaml": "calls: [boto3-target]\n", "main.py": """
import boto3, json
def handler(event, context):
    answer = boto3.client("lambda").invoke(FunctionName="boto3-target", Payload=json.dumps(event))
    return json.load(answer["Payload"])
"""}, runtime="python3.x", MemorySize=256)
    assert call({"k": "ü"})[0] == {"got": {"k": "ü"}}


# --- identifiers and interpreters ---


def versions(daemon):
    """{language: the newest version here} as `evoke runtimes` has it."""
    listed = json.loads(daemon.run("runtimes", "--json").stdout)["runtimes"]
    return {row["language"]: row["version"] for row in listed}


@pytest.mark.parametrize("identifier, language, code", [
    ("python3.9", "python", {"main.py": "import sys\ndef handler(e, c): return '.'.join(map(str, sys.version_info[:3]))\n"}),
    ("python3.14", "python", {"main.py": "import sys\ndef handler(e, c): return '.'.join(map(str, sys.version_info[:3]))\n"}),
    pytest.param("nodejs18.x", "nodejs", {"main.js": "exports.handler = async () => process.versions.node;"}, marks=node_only),
    pytest.param("nodejs24.x", "nodejs", {"main.js": "exports.handler = async () => process.versions.node;"}, marks=node_only),
])
def test_an_identifier_gets_the_nearest_interpreter_and_says_so(daemon, identifier, language, code):
    version = versions(daemon)[language]
    wanted = identifier.removeprefix(language).removesuffix(".x")
    if version == wanted or version.startswith(wanted + "."):
        pytest.skip(f"{identifier} is on this machine")
    name = identifier.replace(".", "-")
    daemon.create(name, code, runtime=identifier)
    assert daemon.invoke(name)[0] == version
    told = re.search(r"runs on\s+(.*)", daemon.run("show", name).stdout)[1]
    assert version in told
    log = all_log(daemon, name)
    assert "INIT_START Runtime Version: " in log and version in log.split("INIT_START", 1)[1].splitlines()[0]
    assert f"in place of {identifier}" in log
    config = daemon.boto("lambda").get_function_configuration(FunctionName=name)
    assert config["Runtime"] == identifier and config["State"] == "Active"


def test_an_exact_interpreter_is_not_commented(daemon):
    version = versions(daemon)["python"]
    identifier = "python" + ".".join(version.split(".")[:2])
    daemon.create("exact", {"main.py": "def handler(e, c): return 1\n"}, runtime=identifier)
    assert daemon.invoke("exact")[0] == 1
    assert "in place of" not in all_log(daemon, "exact")


def test_a_language_that_is_not_here_is_refused(daemon):
    for identifier in ("java21", "ruby3.3", "dotnet8"):
        status, answer = daemon.signed("POST", "/2015-03-31/functions", {
            "FunctionName": "other", "Runtime": identifier, "Handler": "a.b", "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ZipFile": base64.b64encode(evoke_daemon.make_zip({"a": "b"})).decode()}})
        assert status == 400 and answer.get("Type") == "User", answer
        assert identifier in answer["message"]


# --- C ---

C_CODE = r"""
#include <evoke.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int calls;

static void handler(const char *event, size_t len, struct evoke_context *context)
{
    char answer[400];

    calls++;
    if (strstr(event, "stream")) {
        evoke_stream_begin_http(context, "{\"statusCode\":202,\"headers\":{\"x-own\":\"yes\"}}");
        for (int i = 0; i < 1000; i++)
            evoke_stream_write(context, answer, (size_t)snprintf(answer, sizeof answer, "line %d\n", i));
        if (strstr(event, "half"))
            evoke_stream_fail(context, "Order.Lost", "no more lines");
    } else if (strstr(event, "fail")) {
        evoke_fail(context, "Order.Invalid", "gone: \xc3\xbc");
    } else if (strstr(event, "echo")) {
        evoke_respond_bytes(context, event, len);
    } else if (strstr(event, "log")) {
        puts("printed");
        evoke_log(context, EVOKE_WARN, "told %d", 7);
        evoke_log(context, EVOKE_DEBUG, "hidden");
    } else if (strstr(event, "crash")) {
        abort();
    } else {
        snprintf(answer, sizeof answer, "{\"calls\":%d,\"id\":\"%s\",\"arn\":\"%s\",\"left\":%lld}", calls,
                 context->request_id, context->function_arn, (long long)evoke_remaining_ms(context));
        evoke_respond(context, answer);
    }
}

int main(void)
{
    if (getenv("FAIL_INIT"))
        return evoke_fail_init("Order.NoStock", "cannot begin");
    return evoke_run(handler, NULL);
}
"""


@pytest.fixture(scope="module")
def c_package():
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    return {"bootstrap": (c_function.bootstrap(C_CODE), 0o755)}


def test_a_c_function_answers_fails_and_logs(daemon, function, c_package):
    call = function(c_package, runtime="provided.al2023", handler="bootstrap")
    first = call({"do": "count"})[0]
    assert first["calls"] == 1 and re.fullmatch(ID, first["id"]) and 0 < first["left"] <= 10_000
    assert first["arn"].endswith(":function:" + call.name)
    event = {"do": "echo", "text": "ü" * 1000, "nested": [1, {"a": None}]}
    assert call(event)[0] == event
    large = {"do": "echo", "text": "x" * 1_000_000}
    assert call(large)[0] == large
    payload, _ = call({"do": "fail"})
    assert (payload["errorType"], payload["errorMessage"]) == ("Order.Invalid", "gone: ü")
    log = call({"do": "log"})[1]
    assert "printed\n" in log and re.search(rf"WARN.*told 7", log)
    assert call({"do": "count"})[0]["calls"] == 6
    payload, _ = call({"do": "crash"})
    assert payload["errorType"] == "Runtime.ExitError"
    assert payload["errorMessage"].endswith("signal: aborted")
    assert call({"do": "count"})[0]["calls"] == 1


def test_a_c_function_streams_its_answer(daemon, c_package):
    daemon.create("c-streams", c_package, runtime="provided.al2023", handler="bootstrap")
    path = daemon.open_url("c-streams", invoke_mode="RESPONSE_STREAM")
    whole = "".join(f"line {n}\n" for n in range(1000)).encode()
    for _ in range(3):
        status, headers, body = daemon.get(path + "stream")
        assert (status, headers["x-own"], body) == (202, "yes", whole)
        assert headers["transfer-encoding"] == "chunked"
    with pytest.raises(http.client.IncompleteRead):
        daemon.get(path + "stream-half")
    assert daemon.get(path + "stream")[2] == whole


def test_a_c_function_that_cannot_start_says_why(function, c_package):
    call = function(c_package, runtime="provided.al2023", handler="bootstrap",
                    Environment={"Variables": {"FAIL_INIT": "yes"}})
    payload, _ = call({})
    assert (payload["errorType"], payload["errorMessage"]) == ("Order.NoStock", "cannot begin")


@pytest.mark.parametrize("files, message", [
    ({"other": "x"}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
    ({"bootstrap": ("#!/bin/sh\n", 0o644)}, "fork/exec /var/task/bootstrap: permission denied"),
    ({"bootstrap": ("not a program", 0o755)}, "fork/exec /var/task/bootstrap: exec format error"),
    ({"bootstrap": ("#!/no/such/shell\n", 0o755)},
     "fork/exec /var/task/bootstrap: no such file or directory"),
])
def test_a_bootstrap_that_cannot_run_is_told_as_lambda_does(function, files, message):
    payload, _ = function(files, runtime="provided.al2023", handler="x")({})
    assert payload["errorType"] == "Runtime.InvalidEntrypoint"
    assert re.fullmatch(f"RequestId: {ID} Error: " + re.escape(message), payload["errorMessage"])


def test_a_bootstrap_in_shell_speaks_the_runtime_api(function):
    call = function({"bootstrap": ("""#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
while :; do
    event=$(curl -sS -D /tmp/head "$api/invocation/next") || exit 1
    id=$(sed -n 's/^lambda-runtime-aws-request-id: *\\([^[:cntrl:]]*\\).*/\\1/Ip' /tmp/head)
    curl -sS -o /dev/null -d "{\\"shell\\": $event}" "$api/invocation/$id/response"
done
""", 0o755)}, runtime="provided.al2023", handler="x")
    if not os.access("/usr/bin/curl", os.X_OK):
        pytest.skip("no curl for the shell")
    assert [call({"n": n})[0] for n in range(3)] == [{"shell": {"n": n}} for n in range(3)]
