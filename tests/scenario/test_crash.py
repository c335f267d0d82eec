# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the daemon under load: no acknowledged deployment is lost, no process is left
behind, and it starts again at once."""
import random
import threading
import time

import botocore.exceptions
import pytest
from evoke_daemon import alive, make_zip, processes_below, wait_until


class Load:
    """Deploys and invokes until the daemon is gone; knows what was acknowledged."""

    def __init__(self):
        self.acknowledged = {}  # name -> newest number the API answered for
        self.attempted = {}     # name -> newest number sent
        self.number = 0
        self.errors = []        # answers that no kill explains

    def run(self, daemon, stop):
        threads = [threading.Thread(target=self.deploy, args=(daemon, stop)),
                   *(threading.Thread(target=self.invoke, args=(daemon, stop)) for _ in range(3))]
        for thread in threads:
            thread.start()
        return threads

    def deploy(self, daemon, stop):
        client = daemon.boto("lambda")
        while not stop.is_set():
            self.number += 1
            name = f"f{self.number % 7}"
            code = make_zip({"main.py": f"def handler(e, c):\n    return {self.number}\n"})
            self.attempted[name] = self.number
            try:
                if name in self.acknowledged:
                    client.update_function_code(FunctionName=name, ZipFile=code)
                else:
                    client.create_function(FunctionName=name, Runtime="python3.11",
                                           Handler="main.handler", Code={"ZipFile": code},
                                           Role="arn:aws:iam::000000000000:role/r")
                self.acknowledged[name] = self.number
            except (client.exceptions.ResourceConflictException):
                # An update in progress, or a create that was stored but not answered.
                self.acknowledged.setdefault(name, 0)
            except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
                return  # the daemon is gone
            except Exception as error:  # told by the main thread
                self.errors.append(error)
                return

    def invoke(self, daemon, stop):
        client = daemon.boto("lambda")
        while not stop.is_set():
            for name in list(self.acknowledged):
                try:
                    client.invoke(FunctionName=name, Payload=b"{}")["Payload"].read()
                except (client.exceptions.ResourceConflictException,
                        client.exceptions.ResourceNotFoundException):
                    pass
                except (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError):
                    return
                except Exception as error:
                    self.errors.append(error)
                    return

    def check(self, daemon):
        """Each acknowledged deployment is what answers now, or a later one that was sent."""
        client = daemon.boto("lambda")
        for name, number in self.acknowledged.items():
            daemon.wait_active(client, name)
            answer = client.invoke(FunctionName=name, Payload=b"{}")
            value = int(answer["Payload"].read())
            assert number <= value <= self.attempted[name], (name, number, value)


def kill_again_and_again(make_daemon, times):
    random.seed(4711)
    daemon, load, starts = make_daemon(), Load(), []
    for _ in range(times):
        stop = threading.Event()
        threads = load.run(daemon, stop)
        stop.wait(random.uniform(0.05, 0.6))
        below = processes_below(daemon.process.pid)
        daemon.kill()
        stop.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: not any(map(alive, below)), "the end of all orphans")
        began = time.monotonic()
        daemon.start()
        starts.append(time.monotonic() - began)
        assert not load.errors, load.errors
        load.check(daemon)
    print(f"{times} kills: 0 deployments lost, 0 orphans, slowest start {max(starts):.2f} s")
    return starts


def test_kill_9_loses_nothing(make_daemon):
    kill_again_and_again(make_daemon, 5)


@pytest.mark.soak
def test_kill_9_two_hundred_times(make_daemon):
    assert max(kill_again_and_again(make_daemon, 200)) < 1.0
