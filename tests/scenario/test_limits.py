# SPDX-License-Identifier: Apache-2.0
"""Functions that take all they can get: forks, memory of every kind, the processor. Each is
stopped at its limit, the caller is told, the daemon stays small, and the neighbours go on."""
import base64
import concurrent.futures
import re

import pytest
from evoke_daemon import processes_below, wait_until

MEMORY_MB = 128
# A hog goes on until its deadline; what ends at another limit has all the time for it.
HOG_S, BOMB_S, AMPLE_S = 3, 30, 90
CODE = {"main.py": '''
import ctypes, mmap, os, signal, socket, threading, time
MB = 1 << 20

def anonymous():
    kept = []
    while True: kept.append(bytearray(b"x" * MB))

def shared():
    m = mmap.mmap(-1, 4096 * MB)
    for at in range(0, 4096 * MB, 4096): m[at] = 1

def file(folder):
    def fill():
        with open(folder + "/big", "wb") as f:
            while True: f.write(b"x" * MB); f.flush()
    return fill

def memfd():
    fd = os.memfd_create("big")
    while True: os.write(fd, b"x" * MB)

def sysv():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    while True:
        at = libc.shmat(libc.shmget(0, 16 * MB, 0o1600), None, 0)
        if at in (None, 2 ** 64 - 1): raise OSError(ctypes.get_errno(), "shm")
        ctypes.memset(at, 1, 16 * MB)

def page_cache():
    n = 0
    while True:
        with open(f"/tmp/{n}", "wb") as f: f.write(b"x" * MB)
        open(f"/tmp/{n}", "rb").read(); n += 1

def inodes():
    n = 0
    while True: open(f"/tmp/{n}", "w").close(); n += 1

def pipes():
    kept = []
    while True:
        ends = os.pipe(); os.set_blocking(ends[1], False); kept.append(ends)
        try:
            while True: os.write(ends[1], b"x" * 65536)
        except BlockingIOError: pass

def sockets():
    kept = []
    while True:
        a, b = socket.socketpair(); a.setblocking(False); kept.append((a, b))
        a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * MB)
        try:
            while True: a.send(b"x" * 65536)
        except BlockingIOError: pass

def children():
    for _ in range(16):
        if os.fork() == 0: anonymous()
    time.sleep(60)

def forks():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try: os.fork()
        except OSError: pass

def threads():
    while True: threading.Thread(target=time.sleep, args=(60,)).start()

def spin(): 
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(number, signal.SIG_IGN)
    for _ in range(8):
        if os.fork() == 0: break
    while True: pass

def stop():
    signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(0, signal.SIGSTOP)

DOES = {"tmp": file("/tmp"), "shm": file("/dev/shm")}

def handler(event, context):
    if event["do"] == "echo": return event
    try: (DOES.get(event["do"]) or globals()[event["do"]])()
    except OSError as error: return os.strerror(error.errno)
    except (MemoryError, RuntimeError) as error: return type(error).__name__
'''}
MEMORY = ["anonymous", "shared", "tmp", "shm", "memfd", "sysv", "page_cache", "inodes", "pipes", "sockets",
          "children"]
HOGS = ["forks", "threads", "spin", "stop"]
REFUSALS = ["No space left on device", "Cannot allocate memory", "Too many open files", "MemoryError",
            "RuntimeError", "Resource temporarily unavailable"]


@pytest.fixture(scope="module")
def daemon(daemon):
    daemon.create("hog", CODE, MemorySize=MEMORY_MB, Timeout=AMPLE_S)
    for do in HOGS:  # memory enough to meet the other limits first
        daemon.create(do, CODE, MemorySize=1024, Timeout=HOG_S)
    daemon.create("neighbour", CODE)
    for name in ("hog", "neighbour", *HOGS):
        daemon.invoke(name, {"do": "echo"})
    return daemon


def ask_neighbour(daemon, until):
    """How often a neighbour answered before until was done."""
    answers, client = 0, daemon.boto("lambda")
    while not until.done():
        assert client.invoke(FunctionName="neighbour", Payload='{"do":"echo"}')["Payload"].read()
        answers += 1
    return answers


def gone(daemon, before):
    """Waits until no process is left of what was started meanwhile, but the reaper and the
    function of a fresh instance, and a neighbour's."""
    wait_until(lambda: len(set(processes_below(daemon.process.pid)) - before) <= 4,
               "the end of all processes")


@pytest.mark.parametrize("do", MEMORY)
def test_memory_of_every_kind_is_limited(daemon, do):
    before = daemon.cost(reset_peak=True)
    payload, answer = daemon.invoke("hog", {"do": do}, LogType="Tail")
    after = daemon.cost()
    if "FunctionError" in answer:
        assert payload["errorType"] == "Runtime.ExitError", payload
        tail = base64.b64decode(answer["LogResult"]).decode()
        used = int(re.search(r"Max Memory Used: (\d+) MB", tail)[1])
        assert "ran out of memory" in tail and 0.9 * MEMORY_MB <= used <= MEMORY_MB, tail
    else:
        assert payload in REFUSALS
    assert after["peak_bytes"] - before["rss_bytes"] <= 2 << 20
    assert daemon.invoke("hog", {"do": "echo"})[0] == {"do": "echo"}


@pytest.mark.parametrize("do", HOGS)
def test_hogs_end_at_their_deadline_and_neighbours_go_on(daemon, do):
    """(How soon, and how quick a neighbour is beside them: bench/isolation.py.)"""
    before = set(processes_below(daemon.process.pid))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hog = pool.submit(daemon.invoke, do, {"do": do})
        answers = ask_neighbour(daemon, until=hog)
        payload, answer = hog.result()
    if "FunctionError" in answer:
        assert payload["errorType"] in ("Sandbox.Timedout", "Runtime.ExitError"), payload
    else:
        assert payload in REFUSALS
    assert answers > 0
    gone(daemon, before)
    assert daemon.invoke(do, {"do": "echo"})[0] == {"do": "echo"}


def test_a_fork_bomb_has_at_most_its_processes(daemon):
    daemon.create("bomb", CODE, MemorySize=1024, Timeout=BOMB_S)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hog, most = pool.submit(daemon.invoke, "bomb", {"do": "forks"}), 0
        while not hog.done():
            most = max(most, len(processes_below(daemon.process.pid)))
    assert 500 < most <= 1024 + 50, most
