# SPDX-License-Identifier: Apache-2.0
"""A gate that functions wait at: a test knows when they are there, and lets them go on.

    with Gate() as gate:
        daemon.create("f", {"main.py": PYTHON + code, **gate.files}, Environment=gate.environment)

and code calls at_gate(). What takes as long as the test wants depends on no clock.
"""
import socket
import threading

# For functions of each language.
PYTHON = """
def at_gate():
    import os, socket
    with socket.create_connection(("127.0.0.1", int(os.environ["GATE"]))) as gate:
        gate.sendall(b"here")
        gate.recv(1)
"""
NODE = """
import net from "node:net";
const atGate = () => new Promise((resolve) => {
  const gate = net.connect(Number(process.env.GATE), "127.0.0.1", () => gate.write("here"));
  gate.once("data", () => { gate.destroy(); resolve(); });
});
"""
DEADLINE_S = 60  # for what never comes


class Gate:
    """Closed at first."""

    files = {"function.yaml": "network: host\n"}

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.environment = {"Variables": {"GATE": str(self.listener.getsockname()[1])}}
        self.waiting, self.changed, self.is_open = [], threading.Condition(), False
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open()
        self.listener.close()

    def _listen(self):
        while True:
            try:
                come = self.listener.accept()[0]
                come.recv(4)
            except OSError:
                return  # closed
            with self.changed:
                self.waiting.append(come)
                if self.is_open:
                    self._let_go()
                self.changed.notify_all()

    def _let_go(self):
        while self.waiting:
            with self.waiting.pop() as one:
                try:
                    one.sendall(b".")
                except OSError:
                    pass  # it has ended

    def wait(self, count=1):
        """Until so many are there."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.waiting) >= count, DEADLINE_S), \
                f"{len(self.waiting)} of {count} came to the gate"

    def open(self):
        """For those who wait, and for whoever comes from now on."""
        with self.changed:
            self.is_open = True
            self._let_go()

    def close(self):
        """Again, for whoever comes from now on."""
        with self.changed:
            self.is_open = False
