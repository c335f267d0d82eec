# SPDX-License-Identifier: Apache-2.0
"""A client of WebSockets through HTTP/2 (RFC 8441), on the library h2."""
import socket
import ssl
import sys

import websocket

import clients

sys.path.insert(0, str(clients.python_packages("h2")))
import h2.config  # noqa: E402
import h2.connection  # noqa: E402
import h2.events  # noqa: E402
import h2.settings  # noqa: E402

WIDE = 1 << 24


class Socket:
    """One WebSocket: a stream of a Client."""

    def __init__(self, client, stream):
        self.client, self.stream = client, stream
        self.status, self.headers = None, {}
        self.came, self.ended = b"", False

    def send_raw(self, data):
        self.client.send_data(self.stream, data)

    def send(self, payload, opcode=websocket.ABNF.OPCODE_TEXT):
        self.send_raw(websocket.ABNF.create_frame(payload, opcode).format())

    def _take(self, count):
        while len(self.came) < count:
            assert not self.ended, "the stream has ended"
            self.client.receive()
        taken, self.came = self.came[:count], self.came[count:]
        return taken

    def receive_frame(self):
        """(opcode, payload) of a whole frame, which a server does not mask."""
        first, second = self._take(2)
        assert first & 0x70 == 0 and second & 0x80 == 0
        size = second
        if second >= 126:
            size = int.from_bytes(self._take(2 if second == 126 else 8), "big")
        return first & 15, self._take(size)

    def receive(self):
        opcode, payload = self.receive_frame()
        assert opcode == websocket.ABNF.OPCODE_TEXT, (opcode, payload)
        return payload.decode()

    def is_ended(self):
        """Whether the server ends its half with nothing more in it."""
        while not self.ended:
            self.client.receive()
        return self.came == b""

    def end(self):
        self.client.h2.end_stream(self.stream)
        self.client.flush()

    def close(self, code=1000):
        """With the closing handshake."""
        self.send(code.to_bytes(2, "big"), websocket.ABNF.OPCODE_CLOSE)
        opcode, payload = self.receive_frame()
        assert (opcode, payload) == (websocket.ABNF.OPCODE_CLOSE, code.to_bytes(2, "big"))
        assert self.is_ended()
        self.end()


class Client:
    """A connection; ca: by TLS, else by prior knowledge."""

    def __init__(self, host, port, ca=None):
        self.sock = socket.create_connection((host, port), timeout=60)
        self.scheme = "http"
        if ca:
            context = ssl.create_default_context(cafile=str(ca))
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname="localhost")
            assert self.sock.selected_alpn_protocol() == "h2"
            self.scheme = "https"
        self.authority = f"localhost:{port}"
        self.streams, self.holds, self.has_settings = {}, False, False
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(WIDE)
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def flush(self):
        self.sock.sendall(self.h2.data_to_send())

    def receive(self):
        """What the server sends next, spread over the streams."""
        data = self.sock.recv(65536)
        assert data, "the connection has ended"
        for event in self.h2.receive_data(data):
            self._take(event)
        self.flush()

    def take_what_is_there(self):
        """Without waiting for more than a moment: only to learn of windows."""
        self.sock.settimeout(0.05)
        try:
            while True:
                self.receive()
        except (TimeoutError, ssl.SSLWantReadError):
            pass
        finally:
            self.sock.settimeout(60)

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.has_settings = True
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
            stream.status = int(stream.headers.pop(":status"))
        elif isinstance(event, h2.events.DataReceived):
            stream.came += event.data
            if not self.holds and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)) and stream:
            stream.ended = True

    def settings(self):
        while not self.has_settings:
            self.receive()
        return self.h2.remote_settings

    def _open(self, headers, end):
        self.settings()
        number = self.h2.get_next_available_stream_id()
        self.streams[number] = Socket(self, number)
        self.h2.send_headers(number, headers, end_stream=end)
        return self.streams[number]

    def _answered(self, stream):
        self.flush()
        while stream.status is None:
            assert not stream.ended, "reset without an answer"
            self.receive()
        return stream

    def get(self, path):
        stream = self._answered(self._open(
            [(":method", "GET"), (":scheme", self.scheme), (":authority", self.authority), (":path", path)],
            end=True))
        while not stream.ended:
            self.receive()
        return stream.status, stream.headers, stream.came

    def connect(self, path, protocol="websocket", version="13", subprotocols=None, early=b""):
        headers = [(":method", "CONNECT"), (":protocol", protocol), (":scheme", self.scheme),
                   (":authority", self.authority), (":path", path), ("sec-websocket-version", version)]
        if subprotocols:
            headers.append(("sec-websocket-protocol", subprotocols))
        stream = self._open(headers, end=False)
        if early:
            self.h2.send_data(stream.stream, early)
        return self._answered(stream)

    def send_data(self, stream, data):
        while data:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.receive()
                continue
            self.h2.send_data(stream, data[:room])
            self.flush()
            data = data[room:]

    def window(self, socket_):
        return self.h2.local_flow_control_window(socket_.stream)

    def hold_windows(self):
        """From here on the server gets no more room to send."""
        self.holds = True

    def widen_windows(self):
        self.holds = False
        for number, stream in self.streams.items():
            if not stream.ended:
                self.h2.increment_flow_control_window(WIDE, number)
        self.flush()
