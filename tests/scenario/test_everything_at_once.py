# SPDX-License-Identifier: Apache-2.0
"""All that a daemon does, done at the same time: functions are made, called, updated, removed
and crash, URLs and streams are read, logs and measures asked for. Nothing fails but what has
to, and the daemon ends well. What threads do to each other shows under ThreadSanitizer, for
which `.ci/run` runs this for a minute; elsewhere it is short."""
import contextlib
import os
import random
import re
import shutil
import socket
import threading

import botocore.exceptions
from evoke_daemon import make_zip, wait_until

SECONDS = float(os.environ.get("EVOKE_LOAD_S", "4"))
CODE = '''
import os, time
NUMBER = {number}
def handler(event, context):
    do = event.get("do") or (event.get("queryStringParameters") or {{}}).get("do")
    print("line of", NUMBER, do)
    if do == "exit": os._exit(3)
    if do == "late": time.sleep(30)
    if do == "wait": time.sleep(0.05)
    if do == "large": return "x" * (1 << 20)
    return NUMBER
'''
STREAM = {"index.mjs": '''
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  for (let n = 0; n < 20; n++) stream.write('piece '.repeat(2000));
  stream.end();
});
'''}
LASTING = ["a", "b", "c", "d"]
# What may be said to a call while functions come and go.
EXPECTED = {"ResourceNotFoundException", "ResourceConflictException", "TooManyRequestsException",
            "404", "NoSuchKey"}


def code(number):
    return {"main.py": CODE.format(number=number)}


class Crowd:
    """Actors, each with a thread of its own that does one thing again and again."""

    def __init__(self, daemon):
        self.daemon, self.over = daemon, threading.Event()
        self.done, self.failures, self.threads = {}, [], []

    def add(self, act, *arguments):
        name = f"{act.__name__} {len(self.threads)}"
        self.done[name] = 0
        self.threads.append(threading.Thread(target=self.repeat, args=(name, act, arguments)))

    def repeat(self, name, act, arguments):
        client, chance = self.daemon.boto("lambda"), random.Random(name)
        while not self.over.is_set():
            try:
                act(self.daemon, client, chance, *arguments)
                self.done[name] += 1
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in EXPECTED:
                    self.failures.append((name, error))
            except Exception as error:  # told by run()
                self.failures.append((name, error))
                return

    def run(self, seconds):
        for thread in self.threads:
            thread.start()
        self.over.wait(seconds)
        # A busy machine may take longer until each has had its turn.
        wait_until(lambda: self.failures or all(self.done.values()), f"a turn of each: {self.done}")
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures[:5]


def invoke(daemon, client, chance):
    do = chance.choice(["echo"] * 20 + ["wait", "large", "exit"])
    answer = client.invoke(FunctionName=chance.choice(LASTING), Payload=f'{{"do":"{do}"}}',
                           LogType=chance.choice(["None", "Tail"]))
    answer["Payload"].read()
    assert ("FunctionError" in answer) == (do == "exit"), (do, answer)


def time_out(daemon, client, chance):
    answer = client.invoke(FunctionName="late", Payload='{"do":"late"}')
    assert b"Sandbox.Timedout" in answer["Payload"].read()


def ask_url(daemon, client, chance, path):
    """Some requests on one connection; at times it is dropped with an answer under way."""
    with contextlib.closing(daemon.connect()) as connection:
        for _ in range(chance.randint(1, 20)):
            connection.request(chance.choice(["GET", "POST"]), path + chance.choice(
                ["", "?do=wait", "?do=large"]), body=b"x" * chance.choice([0, 10, 100_000]))
            answer = connection.getresponse()
            assert answer.status == 200, (answer.status, answer.read())
            if chance.random() < 0.1:
                return
            answer.read()


def read_stream(daemon, client, chance, path):
    """To the end, or not."""
    with contextlib.closing(daemon.connect()) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        if chance.random() < 0.8:
            assert len(answer.read()) == 20 * 2000 * len("piece ")


def update_code(daemon, client, chance):
    name = chance.choice(LASTING)
    client.update_function_code(FunctionName=name, ZipFile=make_zip(code(chance.randint(1, 9))))
    daemon.wait_active(client, name)


def update_configuration(daemon, client, chance):
    name = chance.choice(LASTING)
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"NUMBER": str(chance.random())}})
    daemon.wait_active(client, name)


def come_and_go(daemon, client, chance, name):
    daemon.create(name, code(0))
    path = daemon.open_url(name)
    assert daemon.get(path)[:1] == (200,)
    client.publish_version(FunctionName=name)
    client.delete_function(FunctionName=name)
    assert daemon.get(path)[0] in (403, 404)


def read_logs(daemon, client, chance, logs):
    group = f"/aws/lambda/{chance.choice(LASTING)}"
    logs.filter_log_events(logGroupName=group, filterPattern="REPORT", limit=50)
    for stream in logs.describe_log_streams(logGroupName=group)["logStreams"][:2]:
        logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=50)


def look_on(daemon, client, chance):
    for path in ("/metrics", "/healthz"):
        assert daemon.get(path, which="api")[0] == 200
    for listed in client.list_functions()["Functions"]:
        client.get_function(FunctionName=listed["FunctionName"])


def break_off(daemon, client, chance, path):
    """Requests that do not come whole, or are none."""
    with contextlib.closing(daemon.connect()) as connection:
        connection.connect()
        connection.sock.sendall(chance.choice([
            b"GET / HTTP/1.1\r\nHo", b"NONSENSE\r\n\r\n",
            f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab".encode()]))
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(4096):
            pass


def gather(daemon):
    """Functions that last, and a crowd around them."""
    crowd = Crowd(daemon)
    for name in LASTING:
        daemon.create(name, code(0), Timeout=20)
    daemon.create("late", code(0), Timeout=1)
    path = daemon.open_url("a")
    for act in (invoke, invoke, invoke, time_out, update_code, update_configuration, look_on):
        crowd.add(act)
    for act in (ask_url, ask_url, break_off):
        crowd.add(act, path)
    for name in LASTING:
        daemon.invoke(name)  # log groups to read
    crowd.add(read_logs, daemon.boto("logs"))
    crowd.add(come_and_go, "passing")
    if shutil.which("node", path="/usr/bin:/usr/local/bin"):
        daemon.create("streams", STREAM, runtime="nodejs18.x", handler="index.handler", Timeout=20)
        crowd.add(read_stream, daemon.open_url("streams", invoke_mode="RESPONSE_STREAM"))
    return crowd


def test_everything_at_once(make_daemon):
    daemon = make_daemon("--shards", "3", "--idle-timeout", "1s", "--freeze-after", "20ms")
    crowd = gather(daemon)
    crowd.run(SECONDS)
    idle = [name for name, count in crowd.done.items() if count == 0]
    assert not idle, (idle, crowd.done)
    assert daemon.stop() == 0, daemon.log_text()[-4000:]
    found = re.findall(r"WARNING: ThreadSanitizer: .*\n", daemon.log_text())
    assert not found, f"{len(found)}: {daemon.log_text()[-20000:]}"
    print(f"{sum(crowd.done.values())} calls of {len(crowd.threads)} actors in {SECONDS:.0f} s")
