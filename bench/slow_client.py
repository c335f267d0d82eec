# SPDX-License-Identifier: Apache-2.0
"""slow_client.py heads|bodies|reads HOST PORT PATH COUNT: what slowhttptest -H, -B and -X do,
in turn on one connection after the other, so that it asks for next to nothing of its core.
Prints a line when all connections are there, and goes on until it is killed."""
import itertools
import resource
import socket
import sys
import time

CONNECT_EVERY_S = 0.001
EVERY_S = {"heads": 2, "bodies": 2, "reads": 1}  # for each connection


def connect(host, port, mode, path):
    sock = socket.socket()
    if mode == "reads":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sock.connect((host, port))
    lines = [f"{'POST' if mode == 'bodies' else 'GET'} {path} HTTP/1.1", f"Host: {host}:{port}"]
    if mode == "bodies":
        lines.append("Content-Length: 8192")
    sock.sendall("\r\n".join(lines).encode() + (b"\r\n" if mode == "heads" else b"\r\n\r\n"))
    sock.setblocking(False)
    return sock


def go_on(sock, mode):
    if mode == "reads":
        sock.recv(50)
    else:
        sock.send(b"X-Slow: 1\r\n" if mode == "heads" else b"slow=1&")


def main():
    mode, host, port, path, count = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(count) + 100, int(count) + 100))
    sockets = []
    for due in itertools.count(time.monotonic(), CONNECT_EVERY_S):
        if len(sockets) == int(count):
            break
        time.sleep(max(0, due - time.monotonic()))
        sockets.append(connect(host, int(port), mode, path))
    print("all there", flush=True)
    pause = EVERY_S[mode] / len(sockets)
    for due, number in zip(itertools.count(time.monotonic(), pause), itertools.cycle(range(len(sockets)))):
        time.sleep(max(0, due - time.monotonic()))
        try:
            go_on(sockets[number], mode)
        except BlockingIOError:
            pass
        except OSError:  # turned away
            sockets[number].close()
            sockets[number] = connect(host, int(port), mode, path)


if __name__ == "__main__":
    main()
