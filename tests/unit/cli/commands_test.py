# SPDX-License-Identifier: Apache-2.0
"""The client commands, run as a person types them, against a server that plays the daemon:
what is sent, what is printed, which exit code. Usage: commands_test.py PROGRAM [TEST...]"""
import base64
import hashlib
import http.server
import io
import json
import os
import pathlib
import shlex
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import zipfile

PROGRAM = None
ACCOUNT = "123456789012"


class Daemon(http.server.ThreadingHTTPServer):
    """Functions in memory; every request is kept for the test to look at."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.api = f"http://127.0.0.1:{self.server_port}"
        self.requests = []
        self.functions = {}
        self.urls = {}
        self.policies = {}
        self.zips = []
        self.load_error = None
        self.stranger = False  # it is a gateway
        self.refusal = None  # a status that comes without JSON
        self.breaks_off = False  # when settings are to change
        self.invocation = (b"{}", {})
        self.log_pages = []
        self.pending = 0  # how often a configuration is still not settled
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def sent(self, method, path):
        return [r for r in self.requests if r[0] == method and r[1] == path]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", headers=None):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fail(self, status, kind, message):
        self.answer(status, {"Type": "User", "message": message}, {"X-Amzn-ErrorType": kind})

    def configuration(self, name):
        made = dict(self.server.functions[name])
        pending = self.server.pending > 0
        self.server.pending -= pending
        made.update(State="Pending" if pending else "Active", LastUpdateStatus="Successful")
        return made

    def take_code(self, body, zipped):
        name = body["FunctionName"]
        content = base64.b64decode(zipped)
        self.server.zips.append(content)
        made = self.server.functions.setdefault(name, {
            "FunctionName": name, "FunctionArn": f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}",
            "Version": "$LATEST", "MemorySize": 128, "Timeout": 3, "Runtime": "nodejs20.x",
            "LastModified": "2026-01-31T12:00:00.123+0000"})
        made.update({k: v for k, v in body.items() if k in ("MemorySize", "Timeout", "Runtime")})
        made["CodeSize"] = len(content)
        made["CodeSha256"] = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return made

    def do(self):
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        path = self.path.partition("?")[0]
        self.server.requests.append((self.command, path, dict(self.headers), raw, self.path))
        if self.server.refusal:
            return self.answer(self.server.refusal, b"The body is too large.")
        if self.server.stranger:
            return self.fail(404, "NotFoundException", "Not Found")
        if not (self.headers.get("Authorization") or "").startswith("AWS4-HMAC-SHA256 Credential=AKTEST/"):
            return self.fail(403, "UnrecognizedClientException", "The security token is invalid.")
        parts = path.strip("/").split("/")
        if path == "/_evoke/status":
            return self.answer(200, {
                "version": "0.1.0", "uptimeMs": 65000, "pid": 7, "data": "/data", "api": self.server.api,
                "gateway": "http://127.0.0.1:8080", "region": "eu-west-1", "account": ACCOUNT, "shards": 2,
                "functions": 1, "instances": {"starting": 0, "idle": 1, "busy": 2, "frozen": 3},
                "concurrency": {"limit": 1000, "used": 2},
                "sandbox": {"privileged": False, "memory": "cgroup v1", "pids": "", "cpu": "", "freezer": "",
                            "landlock": 3, "missing": ["processes are not limited"]}})
        if path == "/_evoke/runtimes":
            return self.answer(200, {
                "runtimes": [
                    {"runtime": "nodejs20.x", "language": "nodejs", "program": "/usr/bin/node",
                     "version": "v20.20.2", "libraries": "aws-sdk 3.1"},
                    {"runtime": "provided.al2023", "language": "provided", "program": "", "version": "",
                     "libraries": ""}]})
        if self.headers.get("X-Amz-Target") == "Logs_20140328.FilterLogEvents":
            pages = self.server.log_pages
            return self.answer(200, pages.pop(0)) if pages else self.fail(
                400, "ResourceNotFoundException", "ResourceNotFoundException: no such group")
        if path == "/2015-03-31/functions" and self.command == "GET":
            names = sorted(self.server.functions)
            at = names.index("page-2") if "Marker=page-2" in self.path else 0
            page = names[at:] if at else [n for n in names if n != "page-2"]
            more = {"NextMarker": "page-2"} if not at and "page-2" in names else {}
            return self.answer(200, {"Functions": [self.server.functions[n] for n in page], **more})
        if path == "/2015-03-31/functions":
            body = json.loads(raw)
            return self.answer(201, self.take_code(body, body["Code"]["ZipFile"]))
        return self.function(parts, raw)

    def function(self, parts, raw):
        name, rest = parts[2], parts[3:]
        if name not in self.server.functions:
            return self.fail(404, "ResourceNotFoundException", f"Function not found: arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}")
        if parts[0] == "_evoke":
            url = self.server.urls.get(name)
            return self.answer(200, {"Configuration": self.server.functions[name], "ResolvedRuntime": "node v20",
                                     "LoadError": self.server.load_error,
                                     "Url": f"http://{url[0]}.localhost:8080/" if url else None,
                                     "Route": None, "Instances": 1})
        if rest == ["configuration"] and self.command == "GET":
            return self.answer(200, self.configuration(name))
        if rest == ["configuration"] and self.server.breaks_off:
            self.close_connection = True
            return None
        if rest == ["configuration"]:
            self.server.functions[name].update({k: v for k, v in json.loads(raw).items() if k != "Environment"})
            return self.answer(200, self.server.functions[name])
        if rest == ["code"]:
            return self.answer(200, self.take_code({"FunctionName": name}, json.loads(raw)["ZipFile"]))
        if rest == ["invocations"]:
            return self.answer(200, *self.server.invocation)
        if rest == ["url"]:
            return self.url(name, raw)
        if rest == ["policy"]:
            self.server.policies[name] = json.loads(raw)
            return self.answer(201, {"Statement": "{}"})
        if rest == ["policy", "evoke-url-public"]:
            return self.answer(204) if self.server.policies.pop(name, None) else self.fail(404, "R", "no policy")
        del self.server.functions[name]
        return self.answer(204)

    def url(self, name, raw):
        urls = self.server.urls
        if self.command == "POST" and name in urls:
            return self.fail(409, "ResourceConflictException", "there is one")
        if self.command in ("POST", "PUT"):
            urls[name] = ("abc123", json.loads(raw)["AuthType"])
        if name not in urls:
            return self.fail(404, "ResourceNotFoundException", "The resource you requested does not exist.")
        if self.command == "DELETE":
            del urls[name]
            return self.answer(204)
        return self.answer(200, {"FunctionUrl": f"http://{urls[name][0]}.localhost:8080/", "AuthType": urls[name][1]})

    do_GET = do_POST = do_PUT = do_DELETE = do


class Commands(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.server_close)
        self.addCleanup(self.daemon.shutdown)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / "data"
        self.data.mkdir()
        (self.data / "daemon.json").write_text(json.dumps({
            "api": self.daemon.api, "gateway": "http://127.0.0.1:8080", "region": "eu-west-1", "account": ACCOUNT,
            "pid": 1, "version": "0.1.0"}))
        (self.data / "credentials").write_text(
            "[default]\naws_access_key_id = AKTEST\naws_secret_access_key = it's secret\n")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env["EVOKE_DATA"] = str(self.data)

    def evoke(self, *args, code=0, stdin=""):
        done = subprocess.run([PROGRAM, *map(str, args)], env=self.env, cwd=self.folder, input=stdin, text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def make_function(self, name="hello", **files):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        for file, content in {"function.yaml": f"name: {name}\nruntime: nodejs\nhandler: index.handler\n",
                              "index.js": "exports.handler = async () => 1\n", **files}.items():
            (folder / file.replace("__", "/")).write_text(content)
        return folder

    # deploy

    def test_deploy_creates_with_what_the_flags_say(self):
        folder = self.make_function()
        (folder / "index.js").chmod(0o755)
        (folder / "link").symlink_to("index.js")
        done = self.evoke("deploy", folder, "--memory", "256", "--env", "A=1", "--env", "B=x=y")
        body = json.loads(self.daemon.sent("POST", "/2015-03-31/functions")[0][3])
        self.assertEqual(body["FunctionName"], "hello")
        self.assertEqual(body["Role"], f"arn:aws:iam::{ACCOUNT}:role/evoke")
        self.assertEqual(body["Environment"], {"Variables": {"A": "1", "B": "x=y"}})
        self.assertEqual(body["MemorySize"], 256)
        self.assertNotIn("Runtime", body)  # function.yaml's, read by the daemon
        with zipfile.ZipFile(io.BytesIO(self.daemon.zips[0])) as archive:
            self.assertIsNone(archive.testzip())
            self.assertEqual(archive.namelist(), ["function.yaml", "index.js", "link"])
            modes = {i.filename: i.external_attr >> 16 for i in archive.infolist()}
            self.assertEqual(archive.read("link"), b"index.js")
        self.assertEqual(modes["index.js"], stat.S_IFREG | 0o755)
        self.assertTrue(stat.S_ISLNK(modes["link"]))
        self.assertIn("created hello", done.stdout)
        self.assertIn("evoke invoke hello '{}'", done.stdout)

    def test_deploy_again_updates_code_then_configuration(self):
        folder = self.make_function()
        self.evoke("deploy", folder)
        self.daemon.pending = 2
        done = self.evoke("deploy", folder, "--timeout", "9")
        self.assertIn("updated hello", done.stdout)
        changes = [r[1].rsplit("/", 1)[1] for r in self.daemon.requests if r[0] == "PUT"]
        self.assertEqual(changes, ["code", "configuration"])
        self.assertEqual(json.loads(self.daemon.sent("PUT", "/2015-03-31/functions/hello/configuration")[0][3]),
                         {"Timeout": 9})
        self.assertEqual(self.daemon.zips[0], self.daemon.zips[1])

    def test_settings_whose_answer_did_not_come_may_have_changed(self):
        folder = self.make_function()
        self.evoke("deploy", folder)
        self.daemon.breaks_off = True
        done = self.evoke("deploy", folder, "--timeout", "9", code=1)
        self.assertIn("the new code is in place, its settings may be as before: ", done.stderr)

    def test_deploy_takes_a_zip_as_it_is(self):
        path = self.folder / "some.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("index.js", "x")
            archive.writestr("function.yaml", "name: from-yaml\nruntime: nodejs\n" + "# filler\n" * 50)
        self.evoke("deploy", path)
        self.assertEqual(self.daemon.zips, [path.read_bytes()])
        self.assertEqual(list(self.daemon.functions), ["from-yaml"])
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("index.js", "x")
        self.evoke("deploy", path)
        self.evoke("deploy", path, "--name", "given")
        self.assertEqual(sorted(self.daemon.functions), ["from-yaml", "given", "some"])

    def test_deploy_shows_why_the_code_cannot_be_loaded(self):
        self.daemon.load_error = {"errorType": "Runtime.ImportModuleError", "errorMessage": "no module 'x'",
                                  "stackTrace": ["  File \"/var/task/app.py\", line 1\n"]}
        done = self.evoke("deploy", self.make_function(), code=3)
        self.assertIn("created hello", done.stdout)
        self.assertIn("Runtime.ImportModuleError: no module 'x'\n  File \"/var/task/app.py\", line 1\n", done.stderr)
        done = self.evoke("deploy", self.make_function(), "--json", code=3)
        self.assertEqual(json.loads(done.stdout)["LoadError"]["errorMessage"], "no module 'x'")

    def test_deploy_finds_mistakes_before_anything_is_sent(self):
        folder = self.make_function(**{"function.yaml": "name: x\nruntim: nodejs\n"})
        self.assertRegex(self.evoke("deploy", folder, code=1).stderr, 
                         r"hello/function\.yaml, line 2, column 1: unknown key 'runtim'; did you mean 'runtime'\?")
        folder = self.make_function(**{"function.yaml": "runtime: provided.al2023\n", "Makefile": ""})
        self.assertIn("make -C", self.evoke("deploy", folder, code=1).stderr)
        text = self.folder / "text.zip"
        text.write_text("text")
        self.assertIn("not a ZIP file", self.evoke("deploy", text, code=1).stderr)
        self.assertIn("cannot find", self.evoke("deploy", "nowhere", code=1).stderr)
        self.assertIn("NAME=VALUE", self.evoke("deploy", self.make_function("ok"), "--env", "X", code=2).stderr)
        self.assertEqual(self.daemon.zips, [])

    # invoke

    def test_invoke_prints_the_answer_as_it_came(self):
        self.evoke("deploy", self.make_function())
        self.daemon.invocation = (b'{"a": 1.0}', {"X-Amz-Executed-Version": "$LATEST"})
        self.assertEqual(self.evoke("invoke", "hello", '{"x":1}').stdout, '{"a": 1.0}')
        self.evoke("invoke", "hello", "-", stdin="[1]")
        (self.folder / "event.json").write_text('"file"')
        self.evoke("invoke", "hello", "@event.json")
        self.evoke("invoke", "hello", "--qualifier", "1")
        sent = self.daemon.sent("POST", "/2015-03-31/functions/hello/invocations")
        self.assertEqual([r[3] for r in sent], [b'{"x":1}', b"[1]", b'"file"', b"{}"])
        self.assertTrue(sent[3][4].endswith("?Qualifier=1"))
        answer = json.loads(self.evoke("invoke", "hello", "--json").stdout)
        self.assertEqual(answer["payload"], {"a": 1.0})
        self.assertIsNone(answer["functionError"])

    def test_invoke_tells_errors_and_logs_on_stderr(self):
        self.evoke("deploy", self.make_function())
        log = base64.b64encode(b"START\nhello\nEND\n").decode()
        self.daemon.invocation = (b'{"errorType":"Error","errorMessage":"no","trace":["Error: no","    at x"]}',
                                  {"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": log})
        done = self.evoke("invoke", "hello", "--log", code=3)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr, "START\nhello\nEND\nthe function failed: Error: no\n    at x\n")
        sent = self.daemon.sent("POST", "/2015-03-31/functions/hello/invocations")
        self.assertEqual(sent[0][2]["x-amz-log-type"], "Tail")
        answer = json.loads(self.evoke("invoke", "hello", "--json", code=3).stdout)
        self.assertEqual((answer["functionError"], answer["payload"]["errorMessage"]), ("Unhandled", "no"))
        self.assertIn(":function:nosuch", self.evoke("invoke", "nosuch", code=1).stderr)

    # list, show, delete, logs

    def test_list_reads_all_pages(self):
        self.assertIn("evoke init", self.evoke("list").stdout)
        for name in ("a", "page-2"):
            self.evoke("deploy", self.make_function(name))
        self.assertEqual(self.evoke("list", "-q").stdout, "a\npage-2\n")
        self.assertEqual([f["FunctionName"] for f in json.loads(self.evoke("list", "--json").stdout)], ["a", "page-2"])
        self.assertRegex(self.evoke("list").stdout, r"NAME +RUNTIME.*\na +nodejs20.x +128 MB +3 s .*2026-01-31 12:00:00")

    def test_show_and_delete(self):
        self.evoke("deploy", self.make_function())
        self.assertRegex(self.evoke("show", "hello").stdout, r"name +hello\n(.*\n)*runs on +node v20\n")
        self.assertEqual(self.evoke("delete", "hello").stdout, "deleted hello\n")
        self.assertIn("Function not found", self.evoke("delete", "hello", code=1).stderr)

    def test_logs_are_read_to_their_last_page(self):
        self.evoke("deploy", self.make_function())
        event = {"timestamp": 1769860800123, "message": "START\n", "eventId": "1", "logStreamName": "s"}
        self.daemon.log_pages = [{"events": [event], "nextToken": "t"},
                                 {"events": [{**event, "eventId": "2", "message": "hello"}]}]
        done = self.evoke("logs", "hello", "--since", "10m", "--filter", "ERROR")
        self.assertEqual(done.stdout, "2026-01-31T12:00:00.123Z START\n2026-01-31T12:00:00.123Z hello\n")
        first, second = [json.loads(r[3]) for r in self.daemon.sent("POST", "/")]
        self.assertEqual((first["logGroupName"], first["filterPattern"]), ("/aws/lambda/hello", "ERROR"))
        self.assertEqual(second["nextToken"], "t")
        self.assertIn("no lines", self.evoke("logs", "hello").stderr)
        self.assertIn("Function not found", self.evoke("logs", "nosuch", code=1).stderr)

    # url, env, status, runtimes

    def test_url_is_made_opened_closed_and_taken_away(self):
        self.evoke("deploy", self.make_function())
        done = self.evoke("url", "hello")
        self.assertEqual(done.stdout, "http://127.0.0.1:8080/urls/abc123/\n")
        self.assertEqual(done.stderr, "")  # inside $(...) it is silent
        self.assertEqual(self.daemon.policies["hello"]["FunctionUrlAuthType"], "NONE")
        self.assertEqual(self.evoke("url", "hello", "-q").stderr, "")
        self.assertIn("Next: curl http://127.0.0.1:8080/urls/abc123/\n", self.evoke("deploy", "hello").stdout)
        self.evoke("url", "hello", "--auth", "iam")
        self.assertEqual((self.daemon.urls["hello"][1], self.daemon.policies), ("AWS_IAM", {}))
        self.assertIn("none or iam", self.evoke("url", "hello", "--auth", "all", code=2).stderr)
        self.evoke("url", "hello", "--delete")
        self.assertEqual(self.daemon.urls, {})
        self.assertIn("Function not found", self.evoke("url", "nosuch", code=1).stderr)

    def test_env_is_understood_by_a_shell(self):
        lines = self.evoke("env").stdout
        shown = subprocess.run(["sh", "-c", lines + 'printf "%s|" "$AWS_ENDPOINT_URL" "$AWS_ACCESS_KEY_ID" '
                                '"$AWS_SECRET_ACCESS_KEY" "$AWS_REGION" "$AWS_DEFAULT_REGION"; alias aws'],
                               capture_output=True, text=True, check=True).stdout
        self.assertTrue(shown.startswith(f"{self.daemon.api}|AKTEST|it's secret|eu-west-1|eu-west-1|"), shown)
        alias = shlex.split(shown.rsplit("|", 1)[1].removeprefix("alias "))[0]
        self.assertEqual(alias, f"aws=aws --endpoint-url {self.daemon.api}")
        self.assertEqual(json.loads(self.evoke("env", "--json").stdout)["AWS_SECRET_ACCESS_KEY"], "it's secret")
        self.assertEqual(self.daemon.requests, [])

    def test_an_endpoint_by_url_is_asked_for_its_account(self):
        self.env.update(AWS_ENDPOINT_URL=self.daemon.api, AWS_ACCESS_KEY_ID="AKTEST", AWS_SECRET_ACCESS_KEY="s")
        del self.env["EVOKE_DATA"]
        self.evoke("deploy", self.make_function())
        body = json.loads(self.daemon.sent("POST", "/2015-03-31/functions")[0][3])
        self.assertEqual(body["Role"], f"arn:aws:iam::{ACCOUNT}:role/evoke")
        self.assertTrue(self.evoke("url", "hello", "-q").stdout.startswith("http://127.0.0.1:8080/urls/"))

    def test_status_and_runtimes(self):
        shown = self.evoke("status").stdout
        for line in (r"up +1 min", r"instances +0 starting, 1 idle, 2 busy, 3 frozen", r"  memory +cgroup v1",
                     r"  pids +not limited", r"  - processes are not limited"):
            self.assertRegex(shown, line)
        self.assertEqual(json.loads(self.evoke("status", "--json").stdout)["shards"], 2)
        shown = self.evoke("runtimes").stdout
        self.assertRegex(shown, r"nodejs20.x +v20.20.2 +/usr/bin/node +aws-sdk 3.1\n")
        self.assertIn("python is not installed: apt install python3\n", shown)

    # when things are wrong

    def test_no_daemon_is_told_with_what_to_do(self):
        self.daemon.shutdown()
        self.daemon.server_close()
        done = self.evoke("status", code=4)
        self.assertEqual(done.stderr, f"evoke status: no daemon answers at {self.daemon.api}: "
                                      "start one with 'evoke serve'\n")
        done = self.evoke("status", "--json", code=4)
        self.assertEqual(json.loads(done.stderr)["exit"], 4)
        (self.data / "daemon.json").unlink()
        self.assertIn("evoke serve", self.evoke("list", code=4).stderr)

    def test_a_key_that_is_refused_is_told_with_where_it_came_from(self):
        (self.data / "credentials").write_text("[default]\naws_access_key_id=AKWRONG\naws_secret_access_key=s\n")
        self.assertIn(f"(the key is from {self.data}/credentials)", self.evoke("list", code=1).stderr)

    def test_a_function_whose_name_was_mistyped_is_suggested(self):
        self.evoke("deploy", self.make_function())
        self.assertIn(":function:helo; did you mean 'hello'?",
                      self.evoke("show", "helo", code=1).stderr)
        self.assertNotIn("did you mean", self.evoke("show", "other", code=1).stderr)

    def test_wrong_lines_are_refused(self):
        self.assertIn("did you mean 'evoke deploy'?", self.evoke("deplyo", code=2).stderr)
        self.assertIn("did you mean '--memory'?", self.evoke("deploy", ".", "--memroy", "1", code=2).stderr)
        self.assertIn("See 'evoke help invoke'.", self.evoke("invoke", code=2).stderr)
        self.assertIn("Usage: evoke invoke FUNCTION [PAYLOAD|@FILE|-] [OPTION...]\n", self.evoke("invoke", code=2).stderr)
        self.assertIn("Usage:", self.evoke(code=2).stderr)
        self.assertIn("did you mean 'logs'", self.evoke("help", "log", code=2).stderr)
        self.assertIn("is not an endpoint", self.evoke("list", "--endpoint", "localhost:9000", code=2).stderr)

    def test_a_server_that_is_not_the_api_is_told(self):
        self.daemon.stranger = True
        self.assertIn(f"what answers at {self.daemon.api} (status 404) is not Evoke's API",
                      self.evoke("list", code=1).stderr)

    def test_a_refusal_that_is_not_the_apis_own_keeps_its_status(self):
        self.daemon.refusal = 413
        self.assertIn(f"the daemon at {self.daemon.api} answered with status 413", self.evoke("list", code=1).stderr)

    # help, completion, init

    def test_help_in_its_three_forms(self):
        self.assertEqual(self.evoke("help", "deploy").stdout, self.evoke("deploy", "--help").stdout)
        self.assertEqual(self.evoke("help").stdout, self.evoke("--help").stdout)
        self.assertIn("## evoke deploy\n", self.evoke("help", "--markdown=cli").stdout)
        self.assertEqual(self.evoke("--version").stdout, self.evoke("version").stdout)
        self.assertEqual(self.evoke("--json", "list").stdout, "[]\n")  # options may come first

    def complete(self, *words):
        script = self.evoke("completion", "bash").stdout + (
            f"evoke() {{ {shlex.quote(PROGRAM)} \"$@\"; }}\nCOMP_WORDS=(evoke {shlex.join(words)})\n"
            f"COMP_CWORD={len(words)}\n_evoke\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n")
        return subprocess.run(["bash", "-c", script.replace("compopt", ": compopt")], env=self.env, cwd=self.folder,
                              capture_output=True, text=True, check=True).stdout.split()

    def test_bash_completes_commands_options_functions_and_files(self):
        self.evoke("deploy", self.make_function())
        self.assertEqual(self.complete("de"), ["deploy", "delete"])
        self.assertEqual(self.complete("deploy", "--mem"), ["--memory"])
        self.assertEqual(self.complete("invoke", "--no"), ["--no-color"])
        self.assertEqual(self.complete("logs", "h"), ["hello"])
        self.assertEqual(self.complete("deploy", "hel"), ["hello"])
        self.assertEqual(self.complete("help", "comp"), ["completion"])
        self.assertEqual(self.complete("completion", ""), ["bash", "zsh"])
        self.assertEqual(self.complete("logs", "--since", ""), [])

    def test_init_makes_files_that_deploy_and_overwrites_none(self):
        for runtime, code in (("node", "index.mjs"), ("python", "app.py")):
            name = f"new-{runtime}"
            self.assertIn(f"evoke deploy {name}\n", self.evoke("init", name, "--runtime", runtime).stdout)
            self.evoke("deploy", name)
            with zipfile.ZipFile(io.BytesIO(self.daemon.zips[-1])) as archive:
                self.assertEqual(sorted(archive.namelist()), sorted(["function.yaml", code]))
            self.assertIn("not overwritten", self.evoke("init", name, "--runtime", runtime, code=1).stderr)
        self.assertIn("new-python", self.daemon.functions)
        self.assertIn("node, python or c", self.evoke("init", "x", "--runtime", "cobol", code=2).stderr)
        self.assertFalse((self.folder / "x").exists())

    def test_the_handlers_of_init_work(self):
        self.evoke("init", "py", "--runtime", "python")
        self.evoke("init", "js")
        event = {"queryStringParameters": {"name": "you"}}
        shown = subprocess.run(
            [sys.executable, "-c", "import json, app; print(json.dumps([app.handler(%r, None), app.handler({}, None)]))"
             % event], cwd=self.folder / "py", env={**self.env, "GREETING": "hi", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=True).stdout
        self.assertEqual(json.loads(shown.splitlines()[-1]), [{"message": "hi, you"}, {"message": "hi, world"}])
        source = (self.folder / "js" / "index.mjs").read_text()
        self.assertIn("export const handler", source)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
