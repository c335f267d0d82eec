# SPDX-License-Identifier: Apache-2.0
"""Proxies before the gateway: who the client is by the PROXY protocol and by X-Forwarded-For."""
import json
import shutil
import socket
import ssl
import struct
import subprocess
import urllib.parse

import pytest

import certificates
from evoke_daemon import free_port, wait_until

HANDLER = {"main.py": "def handler(event, context):\n    return event\n"}
NEAR = {**HANDLER, "function.yaml": "http:\n  route: /near\n  addresses: {allow: [192.0.2.0/24]}\n"}
FEW = {**HANDLER, "function.yaml": "http:\n  route: /few\n  limits: {client: {rate: 0.001, burst: 3}}\n"}
GET = b"GET /functions/f/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin")


def address(url):
    parts = urllib.parse.urlsplit(url)
    return parts.hostname, parts.port


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "--max-time", "30", *map(str, arguments)],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def v2(source, target, source_port, target_port, extensions=b""):
    """A header of version 2 for TCP over IPv4."""
    block = (socket.inet_aton(source) + socket.inet_aton(target)
             + struct.pack("!HH", source_port, target_port) + extensions)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(block)) + block


def answer_of(sock, said=b""):
    """All that comes until the other side closes; resets are ends too."""
    heard = b""
    try:
        sock.sendall(said)
        while piece := sock.recv(65536):
            heard += piece
    except ConnectionResetError:
        pass
    return heard


def event_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer
    return json.loads(body)


def seen(event):
    headers = event["headers"]
    return (event["requestContext"]["http"]["sourceIp"], headers["x-forwarded-for"],
            headers["x-forwarded-proto"], headers["x-forwarded-port"])


# --- the PROXY protocol ---


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    import evoke_daemon
    folder = tmp_path_factory.mktemp("proxied")
    ca = certificates.Authority(folder / "ca")
    ca.issue(folder / "certificates", "localhost")
    daemon = evoke_daemon.Daemon(
        folder / "data", "--gateway-tls", "127.0.0.1:0", "--tls-certificates", folder / "certificates",
        "--trusted-proxies", "127.0.0.1", "--gateway-proxy-protocol", "true",
        "--gateway-tls-proxy-protocol", "true")
    daemon.start()
    daemon.ca = ca.crt
    daemon.tls = json.loads((daemon.data / "daemon.json").read_text())["gateway-tls"]
    daemon.create("f", HANDLER)
    daemon.open_url("f")
    daemon.create("near", NEAR)
    yield daemon
    daemon.stop()


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_speaks_for_itself_as_a_proxy(site, protocol):
    """Its header names its own address and port, and those it connects to."""
    event = json.loads(curl("--haproxy-protocol", protocol, f"{site.gateway}/functions/f/"))
    assert seen(event) == ("127.0.0.1", "127.0.0.1", "http", str(address(site.gateway)[1]))


def test_curl_as_a_proxy_before_tls(site):
    host, port = address(site.tls)
    event = json.loads(curl("--haproxy-protocol", "--cacert", site.ca, "--resolve",
                            f"localhost:{port}:{host}", f"https://localhost:{port}/functions/f/"))
    assert seen(event) == ("127.0.0.1", "127.0.0.1", "https", str(port))


@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", v2("192.0.2.1", "198.51.100.2", 56324, 443),
    v2("192.0.2.1", "198.51.100.2", 56324, 443, b"\x01\x00\x02h2" + b"\x04\x03\xe8" + bytes(1000))])
def test_the_client_is_who_the_header_names(site, header):
    with socket.create_connection(address(site.gateway), timeout=20) as sock:
        sock.sendall(header + GET)
        assert seen(event_of(answer_of(sock))) == ("192.0.2.1", "192.0.2.1", "http", "443")
    with socket.create_connection(address(site.tls), timeout=20) as raw:
        raw.sendall(header)
        context = ssl.create_default_context(cafile=site.ca)
        with context.wrap_socket(raw, server_hostname="localhost") as sock:
            sock.sendall(GET)
            assert seen(event_of(answer_of(sock))) == ("192.0.2.1", "192.0.2.1", "https", "443")


def test_address_lists_and_the_log_see_that_client(site):
    for source, status in (("192.0.2.9", 200), ("203.0.113.9", 403)):
        with socket.create_connection(address(site.gateway), timeout=20) as sock:
            sock.sendall(v2(source, "198.51.100.2", 5, 80) + GET.replace(b"/functions/f/", b"/near"))
            assert answer_of(sock).startswith(b"HTTP/1.1 %d" % status)
        log = site.data / "access.log"
        wait_until(lambda: log.exists() and source in log.read_text(), f"a line of {source}")


@pytest.mark.parametrize("start", [
    GET, b"PROXY TCP4 nobody nowhere 1 2\r\n" + GET, b"\x16\x03\x01\x00\x05hello",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", b"PROXY " + b"x" * 200])
def test_what_is_no_header_is_closed_without_an_answer(site, start):
    for url in (site.gateway, site.tls):
        with socket.create_connection(address(url), timeout=20) as sock:
            assert answer_of(sock, start) == b""
    assert "a connection without a header of the PROXY protocol is closed" in site.log_text()


def test_others_than_proxies_are_closed(make_daemon):
    daemon = make_daemon("--trusted-proxies", "192.0.2.0/24", "--gateway-proxy-protocol", "true")
    try:
        with socket.create_connection(address(daemon.gateway), timeout=20) as sock:
            assert answer_of(sock, b"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n" + GET) == b""
    except ConnectionResetError:
        pass  # before connect() had returned
    assert "not from a trusted proxy" in daemon.log_text()


@pytest.mark.parametrize("options,told", [
    (["--gateway-proxy-protocol", "true"], "needs 'trusted-proxies'"),
    (["--trusted-proxies", "127.0.0.1", "--gateway-tls-proxy-protocol", "true"], "'gateway-tls'"),
    (["--trusted-proxies", "10.0.0.1/8"], "'trusted-proxies': '10.0.0.1/8' has bits set"),
    (["--trusted-proxies", "proxy.example"], "'proxy.example' is no address or network"),
    (["--forwarded-header", "x-real-ip"], "must be x-forwarded-for or forwarded")])
def test_settings_that_do_not_fit_are_refused(make_daemon, options, told):
    daemon = make_daemon(*options, start=False)
    done = subprocess.run([daemon.evoke, "serve", "--data", str(daemon.data), "--api", "127.0.0.1:0",
                           "--gateway", "127.0.0.1:0", *options],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0 and told in done.stderr


# --- X-Forwarded-For and Forwarded ---


def ask(daemon, path="/functions/f/", **headers):
    status, _, body = daemon.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return status, body


def test_nobody_is_believed_without_being_named(daemon):
    daemon.create("f", HANDLER)
    daemon.open_url("f")
    _, body = ask(daemon, X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="https", Forwarded="for=6.6.6.6")
    port = str(address(daemon.gateway)[1])
    assert seen(json.loads(body)) == ("127.0.0.1", "127.0.0.1", "http", port)


def test_a_trusted_proxy_says_who_the_client_is(make_daemon):
    daemon = make_daemon("--trusted-proxies", "127.0.0.0/8,10.0.0.0/8")
    for name, files in {"f": HANDLER, "near": NEAR, "few": FEW}.items():
        daemon.create(name, files)
    daemon.open_url("f")
    port = str(address(daemon.gateway)[1])
    _, body = ask(daemon)
    assert seen(json.loads(body)) == ("127.0.0.1", "127.0.0.1", "http", port)
    _, body = ask(daemon, X_Forwarded_For="6.6.6.6, 192.0.2.1, 10.1.1.1", X_Forwarded_Proto="https")
    assert seen(json.loads(body)) == ("192.0.2.1", "192.0.2.1, 10.1.1.1, 127.0.0.1", "https", "443")
    assert b"6.6.6.6" not in body
    # What guards by address goes by it
    assert ask(daemon, "/near")[0] == 403
    assert ask(daemon, "/near", X_Forwarded_For="192.0.2.1")[0] == 200
    assert ask(daemon, "/near", X_Forwarded_For="192.0.2.1, 203.0.113.1")[0] == 403
    for client in ("192.0.2.1", "192.0.2.2"):
        statuses = [ask(daemon, "/few", X_Forwarded_For=client)[0] for _ in range(6)]
        assert statuses == [200] * 3 + [429] * 3, (client, statuses)
    log = daemon.data / "access.log"
    wait_until(lambda: log.exists() and "203.0.113.1 - " in log.read_text(), "a line of the client")


def test_the_standard_header_counts_where_it_is_chosen(make_daemon):
    daemon = make_daemon("--trusted-proxies", "127.0.0.1", "--forwarded-header", "forwarded")
    daemon.create("f", HANDLER)
    daemon.open_url("f")
    _, body = ask(daemon, X_Forwarded_For="6.6.6.6",
                  Forwarded='for="[2001:db8::17]:4711";proto=https;by=_proxy')
    assert seen(json.loads(body)) == ("2001:db8::17", "2001:db8::17, 127.0.0.1", "https", "443")


@pytest.mark.skipif(not NGINX, reason="no nginx")
def test_nginx_in_front(make_daemon, tmp_path):
    """Its common recipe: proxy_add_x_forwarded_for appends to what the client sent."""
    daemon = make_daemon("--trusted-proxies", "127.0.0.1")
    daemon.create("f", HANDLER)
    daemon.open_url("f")
    port = free_port()
    (tmp_path / "logs").mkdir()
    (tmp_path / "nginx.conf").write_text(f"""
        daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}
        http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
          fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
          server {{ listen 127.0.0.1:{port};
            location / {{ proxy_pass {daemon.gateway}; proxy_set_header Host $host;
              proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
              proxy_set_header X-Forwarded-Proto https; }} }} }}""")
    nginx = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
    try:
        def is_up():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until(is_up, "nginx")
        event = json.loads(curl("--interface", "127.0.0.9", "-H", "X-Forwarded-For: 6.6.6.6",
                                f"http://127.0.0.1:{port}/functions/f/"))
        assert seen(event) == ("127.0.0.9", "127.0.0.9, 127.0.0.1", "https", "443")
    finally:
        nginx.terminate()
        nginx.wait(20)
