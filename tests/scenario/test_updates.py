# SPDX-License-Identifier: Apache-2.0
"""Updates under load, one every 100 ms: nothing fails, and nothing is answered by code older
than the last update that was seen Successful."""
import threading
import time

import pytest
from evoke_daemon import make_zip

FUNCTIONS, EVERY_S = 50, 0.1


def code(number):
    return {"main.py": f"def handler(event, context):\n    return {number}\n"}


class Updates:
    """Updates one function after the other, and looks when each has become Successful."""

    def __init__(self, daemon, ret_seen):
        self.seen = ret_seen  # by function: newest number whose update was seen Successful
        self.over, self.under_way, self.count = threading.Event(), {}, 0
        self.threads = [threading.Thread(target=act, args=(daemon.boto("lambda"),))
                        for act in (self.update, self.watch)]

    def update(self, client):
        due = time.monotonic()
        while not self.over.is_set():
            index = self.count % FUNCTIONS
            if index not in self.under_way:
                number = self.count + 1
                client.update_function_code(FunctionName=f"f{index}",
                                            ZipFile=make_zip(code(number)))
                self.under_way[index] = number
                self.count = number
            due = max(due + EVERY_S, time.monotonic() - EVERY_S)
            self.over.wait(due - time.monotonic())

    def watch(self, client):
        while self.under_way or not self.over.is_set():
            for index, number in list(self.under_way.items()):
                now = client.get_function_configuration(FunctionName=f"f{index}")
                if now["LastUpdateStatus"] == "Successful":
                    self.seen[index] = number
                    del self.under_way[index]
            self.over.wait(0.005)


def run(daemon, invocations, limit_s, threads=8):
    """Invokes, by eight clients, while functions are updated: so often, or for so long."""
    for index in range(FUNCTIONS):
        daemon.create(f"f{index}", code(0), wait=False, Timeout=30)
    client = daemon.boto("lambda")
    for index in range(FUNCTIONS):
        daemon.wait_active(client, f"f{index}")
    seen = [0] * FUNCTIONS
    count = threading.Semaphore(invocations)
    failures, stale, answered = [], [], [0]

    def call():
        mine = daemon.boto("lambda")
        index = threading.get_ident()
        while time.monotonic() < end and count.acquire(blocking=False):
            index = (index * 31 + 7) % FUNCTIONS
            least = seen[index]
            try:
                answer = mine.invoke(FunctionName=f"f{index}", Payload=b"{}")
                value = int(answer["Payload"].read())
                if answer.get("FunctionError"):
                    failures.append(answer)
                elif value < least:
                    stale.append((index, value, least))
                answered[0] += 1
            except Exception as error:  # every kind of failure counts
                failures.append(error)

    updates = Updates(daemon, seen)
    workers = [threading.Thread(target=call) for _ in range(threads)]
    began = time.monotonic()
    end = began + limit_s
    for thread in [*updates.threads, *workers]:
        thread.start()
    for worker in workers:
        worker.join()
    took = time.monotonic() - began
    updates.over.set()
    for thread in updates.threads:
        thread.join()
    print(f"{answered[0]} invocations of {FUNCTIONS} functions, {updates.count} updates in "
          f"{took:.1f} s: {len(failures)} failed, {len(stale)} stale")
    assert not failures, failures[:3]
    assert not stale, stale[:3]
    assert answered[0] > 0 and updates.count > 0
    return answered[0]


def test_invocations_survive_updates(make_daemon):
    run(make_daemon(), 3000, limit_s=10)


@pytest.mark.soak
def test_ten_thousand_invocations_survive_updates(make_daemon):
    assert run(make_daemon(), 10_000, limit_s=3000) == 10_000
