# SPDX-License-Identifier: Apache-2.0
"""Updates under load: nothing fails, and nothing is answered by code older than the last
update that was seen Successful."""
import os
import threading
import time

import pytest

FUNCTIONS = 50


def code(number):
    return {"main.py": f"def handler(event, context):\n    return {number}\n"}


def run(daemon, invocations, threads=8):
    """Invokes while one function after the other is updated every 100 ms."""
    from evoke_daemon import make_zip

    for index in range(FUNCTIONS):
        daemon.create(f"f{index}", code(0), wait=False, Timeout=30)
    client = daemon.boto("lambda")
    for index in range(FUNCTIONS):
        daemon.wait_active(client, f"f{index}")
    seen = [0] * FUNCTIONS  # newest number whose update was seen Successful
    count = threading.Semaphore(invocations)
    failures, stale, answered = [], [], [0]
    over = threading.Event()

    def call():
        mine = daemon.boto("lambda")
        index = threading.get_ident()
        while count.acquire(blocking=False):
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

    def update():
        number, index = 0, 0
        while not over.is_set():
            number, index = number + 1, (index + 1) % FUNCTIONS
            client.update_function_code(FunctionName=f"f{index}", ZipFile=make_zip(code(number)))
            daemon.wait_active(client, f"f{index}")
            seen[index] = number
            over.wait(0.1)
        updates.append(number)

    updates = []
    workers = [threading.Thread(target=call) for _ in range(threads)]
    updater = threading.Thread(target=update)
    began = time.monotonic()
    for thread in [updater, *workers]:
        thread.start()
    for worker in workers:
        worker.join()
    over.set()
    updater.join()
    print(f"{answered[0]} invocations, {updates[0]} updates in {time.monotonic() - began:.1f} s: "
          f"{len(failures)} failed, {len(stale)} stale")
    assert not failures, failures[:3]
    assert not stale, stale[:3]
    assert answered[0] >= invocations - threads and updates[0] > 0


def test_invocations_survive_updates(make_daemon):
    run(make_daemon(), 1000 if os.environ.get("EVOKE_SANITIZED") else 3000)


@pytest.mark.soak
def test_ten_thousand_invocations_survive_updates(make_daemon):
    run(make_daemon(), 10_000)
