# SPDX-License-Identifier: Apache-2.0
"""What a function leaves running lives on in its own instance only: frozen between calls, seen
by the same version's next call, never by another version's, and gone with the instance."""
import pathlib
import time

import pytest
from evoke_daemon import make_zip, processes_below, wait_until

CODE = '''
import glob, os, time
VERSION = {version}
def handler(event, context):
    if event["do"] == "leave":      # a process, a thread's worth of files, memory, SysV and POSIX IPC
        if os.fork() == 0:
            os.setsid()
            for number in range(10 ** 9):
                open("/tmp/ticks", "w").write(str(number))
                for env in glob.glob("/proc/[0-9]*/environ"):
                    try:
                        if b"canary-" in open(env, "rb").read(): open("/tmp/stolen", "a").write(env)
                    except OSError: pass
                time.sleep(0.001)
        for path in ("/tmp/canary", "/dev/shm/canary"):
            open(path, "w").write("canary-" + event["secret"])
        os.environ["LEFT"] = "canary-" + event["secret"]
    ticks = open("/tmp/ticks").read() if os.path.exists("/tmp/ticks") else "-1"
    found = [p for p in ("/tmp/canary", "/dev/shm/canary", "/tmp/stolen", "/tmp/ticks") if os.path.exists(p)]
    return {{"version": VERSION, "ticks": int(ticks or 0), "pids": [p for p in os.listdir("/proc") if p.isdigit()],
            "found": found, "left": os.environ.get("LEFT"), "now": time.time()}}
'''


def tree(daemon):
    """{pid: command line} of what runs inside sandboxes."""
    found = {}
    for pid in processes_below(daemon.process.pid):
        try:
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"/var/runtime" in line and b"evoke-init" not in line:
            found[pid] = line
    return found


def used_ms(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(stat[11]) + int(stat[12])) * 10


@pytest.fixture
def daemon(make_daemon):
    return make_daemon("--shards", "1")


def frozen(daemon):
    return b'evoke_instances{state="frozen"} 1' in daemon.get("/metrics", which="api")[2]


def has_stopped(pid):
    """By its control group: the daemon asks for it, and the kernel stops each process at the end
    of what it is at."""
    groups = dict(line.split(":", 2)[1:] for line in
                  pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    for controllers, path in groups.items():
        if "freezer" in controllers.split(",") and path != "/":
            return pathlib.Path(f"/sys/fs/cgroup/freezer{path}/freezer.state").read_text() == "FROZEN\n"
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        events = pathlib.Path(f"{root}{groups['']}/cgroup.events")
        if events.exists():
            return "frozen 1" in events.read_text()
    return False


def test_a_left_process_stands_still_between_calls_and_goes_on_in_the_next(daemon):
    daemon.create("f", {"main.py": CODE.format(version=1)})
    assert daemon.invoke("f", {"do": "leave", "secret": "x"})[0]["version"] == 1
    wait_until(lambda: frozen(daemon), "a frozen instance")
    assert len(tree(daemon)) == 2
    wait_until(lambda: all(map(has_stopped, tree(daemon))), "its processes' standing still")
    before = {pid: used_ms(pid) for pid in tree(daemon)}
    began = time.monotonic()
    while time.monotonic() - began < 1:
        assert frozen(daemon)
    assert {pid: used_ms(pid) for pid in tree(daemon)} == before  # 0 ms in 1 s
    first = daemon.invoke("f", {"do": "look"})[0]
    assert len(first["pids"]) == 3 and first["left"] == "canary-x"
    wait_until(lambda: daemon.invoke("f", {"do": "look"})[0]["ticks"] > first["ticks"], "its going on")


def test_another_version_sees_nothing_of_it(daemon):
    """10 updates, each time the old version left processes, files and variables: 0 seen."""
    daemon.create("f", {"main.py": CODE.format(version=0)})
    client = daemon.boto("lambda")
    for number in range(1, 11):
        daemon.invoke("f", {"do": "leave", "secret": str(number)})
        client.update_function_code(FunctionName="f",
                                    ZipFile=make_zip({"main.py": CODE.format(version=number)}))
        daemon.wait_active(client, "f")
        seen = daemon.invoke("f", {"do": "look"})[0]
        assert seen["version"] == number and seen["found"] == [] and seen["left"] is None
        assert sorted(seen["pids"]) == ["1", "2"], seen
    wait_until(lambda: len(tree(daemon)) == 1, "the end of what old versions left")


def test_another_functions_instance_sees_nothing_of_it(daemon):
    daemon.create("f", {"main.py": CODE.format(version=1)})
    daemon.create("g", {"main.py": CODE.format(version=2)})
    for _ in range(20):
        daemon.invoke("f", {"do": "leave", "secret": "x"})
        seen = daemon.invoke("g", {"do": "look"})[0]
        assert seen["found"] == [] and seen["left"] is None and len(seen["pids"]) == 2


def test_a_left_process_ends_with_its_instance(daemon):
    daemon.create("f", {"main.py": CODE.format(version=1)})
    daemon.invoke("f", {"do": "leave", "secret": "x"})
    assert len(tree(daemon)) == 2
    daemon.boto("lambda").delete_function(FunctionName="f")
    wait_until(lambda: tree(daemon) == {}, "the end of all its processes")
