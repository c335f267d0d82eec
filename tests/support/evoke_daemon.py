# SPDX-License-Identifier: Apache-2.0
"""A daemon under test: started on free ports, stopped by pid, asked through real clients."""
import configparser
import http.client
import io
import json
import os
import pathlib
import random
import re
import select
import signal
import socket
import subprocess
import time
import urllib.parse
import weakref
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EVOKE_BUILD", ROOT / "build"))
PROGRAM = BUILD / "src" / "daemon" / "evoke"
START_S = float(os.environ.get("EVOKE_START_S", "30"))
SHARED = pathlib.Path(os.environ.get("EVOKE_SHARED", ROOT.parent / "shared"))


class Daemon:
    """data: its folder. options: further options of `evoke serve`."""

    made = weakref.WeakSet()  # what a failed test tells about

    def __init__(self, data, *options, env=None, prefix=()):
        self.data = pathlib.Path(data)
        self.options = [str(option) for option in options]
        self.extra_env = env or {}
        self.prefix = list(prefix)
        self.evoke = str(PROGRAM)
        self.process = None
        self.api = self.gateway = None
        self.log = self.data.parent / (self.data.name + ".log")
        self.made.add(self)

    def start(self):
        """Returns when the daemon has said that it is ready."""
        assert PROGRAM.exists(), f"{PROGRAM} is not built: run 'make' first"
        self.data.parent.mkdir(parents=True, exist_ok=True)
        command = [*self.prefix, self.evoke, "serve", "--data", str(self.data)]
        for name in ("api", "gateway"):
            if f"--{name}" not in self.options:
                command += [f"--{name}", "127.0.0.1:0"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command + self.options, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, **self.extra_env})
        line = self._ready_line()
        match = re.fullmatch(r"evoke ready api=(\S+) gateway=(\S+)(?: \S+-tls=\S+)* data=(\S+)\n", line)
        assert match, f"instead of ready: {line!r}\n{self.log_text()[-4000:]}"
        self.api, self.gateway = match[1], match[2]
        return self

    def _ready_line(self):
        deadline = time.monotonic() + START_S
        out = self.process.stdout.fileno()
        text = b""
        while not text.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                break
            piece = os.read(out, 4096)
            if not piece:
                break
            text += piece
        return text.decode()

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def function_logs(self, newest=40):
        """What the functions wrote last, a line each, and what the daemon said of them there."""
        client = self.boto("logs", read_timeout=10)
        lines = []
        for group in client.describe_log_groups()["logGroups"]:
            events = client.filter_log_events(logGroupName=group["logGroupName"])["events"]
            lines += [f"{group['logGroupName']}: {event['message'].rstrip()}"[:400]
                      for event in events[-newest:]]
        return "\n".join(lines)

    def stop(self, timeout=60):
        """SIGTERM and wait; the exit code. Nothing happens when it has ended before."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self._reap(timeout)

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        return self._reap(10)

    def _reap(self, timeout):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the daemon did not stop\n{self.log_text()[-4000:]}") from None
        self.process.stdout.close()
        self.process = None
        return code

    def cost(self, reset_peak=False):
        """What the daemon itself has used: CPU seconds; resident bytes, now and at most."""
        folder = pathlib.Path(f"/proc/{self.process.pid}")
        if reset_peak:
            (folder / "clear_refs").write_text("5")
        stat = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        kib = dict(re.findall(r"^(Vm\w+):\s+(\d+) kB", (folder / "status").read_text(), re.M))
        return {"cpu_s": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
                "rss_bytes": int(kib["VmRSS"]) << 10, "peak_bytes": int(kib["VmHWM"]) << 10}

    # --- clients ---

    @property
    def env(self):
        """Variables for AWS tools and the command line."""
        keys = self.keys()
        return {
            "AWS_ENDPOINT_URL": self.api, "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1], "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1", "EVOKE_DATA": str(self.data), "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def keys(self):
        credentials = configparser.ConfigParser()
        credentials.read(self.data / "credentials")
        profile = credentials["default"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]

    def boto(self, service, **config):
        """A boto3 client of this daemon, without retries."""
        import boto3
        from botocore.config import Config

        key, secret = self.keys()
        merged = {"retries": {"max_attempts": 0}, "read_timeout": 120, **config}
        # A session of its own: the default one is not for several threads.
        return boto3.session.Session().client(
            service, endpoint_url=self.api, region_name="us-east-1", aws_access_key_id=key,
            aws_secret_access_key=secret, config=Config(**merged))

    def run(self, *arguments, check=True, **keywords):
        """Runs the command line against this daemon."""
        done = subprocess.run([self.evoke, *map(str, arguments)], capture_output=True, text=True,
                              env={**os.environ, **self.env}, timeout=120, check=False, **keywords)
        assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done

    def connect(self, which="gateway"):
        """A keep-alive connection to the gateway or the API port."""
        parts = urllib.parse.urlsplit(getattr(self, which))
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def get(self, path, which="gateway", method="GET", body=None, headers=None):
        """(status, headers as a dict with lower-case names, body bytes)."""
        connection = self.connect(which)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content
        finally:
            connection.close()

    def settle(self):
        """Waits until no instance works or starts. An instance is idle a moment after its answer
        has come; a call in that moment, on another shard, is given one of its own."""
        def is_settled():
            text = self.get("/metrics", "api")[2].decode()
            return all(f'\nevoke_instances{{state="{state}"}} 0\n' in text
                       for state in ("starting", "busy"))

        wait_until(is_settled, "the rest of all instances")

    # --- functions ---

    def create(self, name, files, *, runtime="python3.11", handler="main.handler", wait=True,
               **settings):
        """CreateFunction from {path: content}; waits until it is Active."""
        client = self.boto("lambda")
        created = client.create_function(
            FunctionName=name, Runtime=runtime, Handler=handler,
            Role="arn:aws:iam::000000000000:role/test", Code={"ZipFile": make_zip(files)},
            **settings)
        if wait:
            self.wait_active(client, name)
        return created

    @staticmethod
    def wait_active(client, name):
        """The waiters' own condition, asked more often than every five seconds."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            now = client.get_function_configuration(FunctionName=name)
            if now["State"] == "Active" and now["LastUpdateStatus"] == "Successful":
                return now
            assert now["State"] in ("Pending", "Active"), now
            select.select([], [], [], 0.01)
        raise AssertionError(f"{name} did not become Active: {now}")

    def open_url(self, name, invoke_mode=None, auth="NONE", **settings):
        """A URL of the function, public when auth is NONE; its path on the gateway
        ("/urls/<id>/")."""
        client = self.boto("lambda")
        if invoke_mode:
            # Debian's boto3 has not heard of it.
            status, made = self.signed("POST", f"/2021-10-31/functions/{name}/url", {
                "AuthType": auth, "InvokeMode": invoke_mode, **settings})
            assert status == 201, made
        else:
            made = client.create_function_url_config(FunctionName=name, AuthType=auth, **settings)
        if auth == "NONE":
            client.add_permission(FunctionName=name, StatementId="public", Principal="*",
                                  Action="lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE")
        return f"/urls/{urllib.parse.urlsplit(made['FunctionUrl']).hostname.split('.')[0]}/"

    def signed(self, method, path, value, service="lambda"):
        """A signed JSON request to the API, as no client makes it: (status, answer)."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        body = json.dumps(value)
        request = AWSRequest(method, self.api + path, data=body,
                             headers={"Content-Type": "application/json"})
        SigV4Auth(Credentials(*self.keys()), service, "us-east-1").add_auth(request)
        status, _, content = self.get(path, "api", method, body, dict(request.headers.items()))
        return status, json.loads(content) if content else None

    def invoke(self, name, event=None, **settings):
        """(payload as JSON, the whole answer)."""
        answer = self.boto("lambda").invoke(
            FunctionName=name, Payload=json.dumps(event if event is not None else {}), **settings)
        payload = answer["Payload"].read()
        return (json.loads(payload) if payload else None), answer


def make_zip(files):
    """A ZIP of {path: text or bytes, or (content, mode)}."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            content, mode = content if isinstance(content, tuple) else (content, 0o644)
            info = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
            info.external_attr = (0o100000 | mode) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return out.getvalue()


def alive(pid):
    """Whether a process is there and has not ended."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(condition, what, seconds=60):
    """Asks again and again: for what nobody announces. The limit is for what never comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        select.select([], [], [], 0.01)


def starved_s(*pids):
    """Seconds that the threads of processes were ready to run and had no processor: what a busy
    machine makes a measured time longer by."""
    waited = 0
    for pid in pids:
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                waited += int((thread / "schedstat").read_text().split()[1])
            except OSError:
                pass  # it has ended, or the kernel does not tell
    return waited / 1e9


def stay_within_the_day():
    """For what counts by the day (of UTC): waits for the next one when this is nearly over."""
    wait_until(lambda: time.time() % 86400 < 86400 - 60, "the next day", 120)


def free_port():
    """A port of 127.0.0.1 for a program that has to be told one. Not of those that connections
    get as their own end, so that none of them is there first."""
    for port in random.Random().sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def processes_below(pid):
    """Pids of all descendants of a process, found through /proc."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parent = int(stat[stat.rindex(")") + 2:].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found
