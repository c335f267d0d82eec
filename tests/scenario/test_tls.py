# SPDX-License-Identifier: Apache-2.0
"""TLS of the gateway and the API: names, reloads, client certificates, what is refused."""
import http.client
import json
import os
import signal
import socket
import ssl
import urllib.parse

import pytest

import certificates
from evoke_daemon import wait_until

HANDLER = "def handler(event, context):\n    return event\n"


class Site:
    """A daemon with TLS listeners, its authority and its folder of certificates."""

    def __init__(self, tmp_path, make_daemon, *options):
        self.ca = certificates.Authority(tmp_path / "ca")
        self.folder = tmp_path / "certificates"
        self.ca.issue(self.folder, "default", "localhost")
        self.make, self.options, self.daemon = make_daemon, options, None

    def start(self, *options):
        self.daemon = self.make("--gateway-tls", "127.0.0.1:0", "--api-tls", "127.0.0.1:0",
                                "--tls-certificates", self.folder, *self.options, *options)
        return self

    def address(self, which="gateway-tls"):
        state = json.loads((self.daemon.data / "daemon.json").read_text())
        parts = urllib.parse.urlsplit(state[which])
        assert parts.scheme == "https"
        return parts.hostname, parts.port

    def context(self, client=None):
        made = ssl.create_default_context(cafile=self.ca.crt)
        if client:
            made.load_cert_chain(*client)
        return made

    def connect(self, name="localhost", context=None, which="gateway-tls", **keywords):
        raw = socket.create_connection(self.address(which), timeout=20)
        return (context or self.context()).wrap_socket(raw, server_hostname=name, **keywords)

    def get(self, path, *arguments, **keywords):
        """(status, body) of one request on a connection of its own."""
        with self.connect(*arguments, **keywords) as sock:
            return ask(sock, path)

    def served(self, name):
        """Names in the certificate that is served for a name."""
        loose = ssl.create_default_context(cafile=self.ca.crt)
        loose.check_hostname = False
        with self.connect(name, loose) as sock:
            return [value for _, value in sock.getpeercert()["subjectAltName"]]


def ask(sock, path, method="GET", body=b""):
    sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = http.client.HTTPResponse(sock, method=method)
    answer.begin()
    return answer.status, answer.read()


@pytest.fixture
def site(tmp_path, make_daemon):
    return Site(tmp_path, make_daemon)


def test_a_function_answers_by_tls_on_both_ports(site):
    daemon = site.start().daemon
    daemon.create("f", {"main.py": HANDLER})
    url = daemon.open_url("f")
    status, body = site.get(url + "x")
    event = json.loads(body)
    assert status == 200 and event["headers"]["x-forwarded-proto"] == "https"
    assert "authentication" not in event["requestContext"]
    assert json.loads(daemon.get(url)[2])["headers"]["x-forwarded-proto"] == "http"
    assert site.get("/healthz", which="api-tls") == (200, b"ok\n")


def test_the_command_line_comes_by_tls_too(site, monkeypatch):
    daemon = site.start().daemon
    endpoint = f"https://localhost:{site.address('api-tls')[1]}"
    refused = daemon.run("list", "--endpoint", endpoint, check=False)
    assert refused.returncode == 1 and "is not trusted" in refused.stderr, refused.stderr
    monkeypatch.setenv("AWS_CA_BUNDLE", str(site.ca.crt))
    assert "No functions yet" in daemon.run("list", "--endpoint", endpoint).stdout


def test_large_bodies_pass_both_ways_and_connections_stay(site):
    daemon = site.start().daemon
    daemon.create("f", {"main.py": "def handler(event, context):\n    return event['body']\n"})
    url = daemon.open_url("f")
    with site.connect() as sock:
        for size in (5_000_000, 1, 100_000):
            body = (b"0123456789" * (size // 10 + 1))[:size]
            sock.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
                         b"Content-Length: %d\r\n\r\n" % (url.encode(), size) + body)
            answer = http.client.HTTPResponse(sock, method="POST")
            answer.begin()
            assert answer.status == 200
            assert answer.read() == body


def test_certificates_are_chosen_by_name(site):
    site.ca.issue(site.folder, "shop", "shop.example.com", "*.shop.example.com")
    site.ca.issue(site.folder, "zoo-rsa", "zoo.example.com", kind="rsa")
    site.ca.issue(site.folder, "zoo", "zoo.example.com")
    site.start()
    for asked, want in [("shop.example.com", "shop.example.com"),
                        ("A.shop.example.com", "*.shop.example.com"),
                        ("b.a.shop.example.com", "localhost"), ("other.example.com", "localhost"),
                        ("zoo.example.com", "zoo.example.com"), (None, "localhost")]:
        assert want in site.served(asked), asked
    rsa = site.context()
    rsa.maximum_version = ssl.TLSVersion.TLSv1_2
    rsa.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with site.connect("zoo.example.com", rsa) as sock:
        assert sock.cipher()[0] == "ECDHE-RSA-AES128-GCM-SHA256"


def test_changed_certificates_are_served_and_no_connection_is_dropped(site):
    site.start()
    with site.connect() as old:
        assert ask(old, "/")[0] == 404
        site.ca.issue(site.folder, "new", "new.example.com")
        wait_until(lambda: "new.example.com" in site.served("new.example.com"), "the new one")
        assert ask(old, "/")[0] == 404
        # What is wrong changes nothing and is said.
        (site.folder / "bad.crt").write_text("nonsense")
        wait_until(lambda: "bad.crt" in site.daemon.log_text(), "the warning")
        assert "new.example.com" in site.served("new.example.com")
        (site.folder / "bad.crt").unlink()
        (site.folder / "new.crt").unlink()
        os.kill(site.daemon.process.pid, signal.SIGHUP)
        wait_until(lambda: "localhost" in site.served("new.example.com"), "it to go")
        assert ask(old, "/")[0] == 404


def test_a_session_is_resumed(site):
    site.start()
    context = site.context()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.minimum_version = context.maximum_version = version
        with site.connect(context=context) as sock:
            assert ask(sock, "/")[0] == 404
            session = sock.session
            assert not sock.session_reused
        with site.connect(context=context, session=session) as sock:
            assert ask(sock, "/")[0] == 404 and sock.session_reused


def test_clients_prove_who_they_are(site, tmp_path):
    alice = site.ca.issue(tmp_path / "clients", "alice", subject="/O=Example/CN=alice")
    stranger = certificates.Authority(tmp_path / "other").issue(tmp_path / "other", "mallory")
    daemon = site.start("--tls-client-ca", site.ca.crt).daemon
    daemon.create("f", {"main.py": HANDLER})
    url = daemon.open_url("f")
    status, body = site.get(url, context=site.context(alice))
    shown = json.loads(body)["requestContext"]["authentication"]["clientCert"]
    assert status == 200
    assert shown["subjectDN"] == "CN=alice,O=Example" and shown["issuerDN"] == "CN=Test CA"
    assert shown["clientCertPem"] == alice[0].read_text()
    assert shown["validity"]["notBefore"].endswith(" GMT") and ":" in shown["serialNumber"]
    for client in (None, stranger):
        with pytest.raises(OSError):
            site.get(url, context=site.context(client))
    assert site.get("/healthz", which="api-tls")[0] == 200


def test_a_client_certificate_may_be_optional(site, tmp_path):
    stranger = certificates.Authority(tmp_path / "other").issue(tmp_path / "other", "mallory")
    site.start("--tls-client-ca", site.ca.crt, "--tls-client-auth", "optional")
    assert site.get("/")[0] == 404
    with pytest.raises(OSError):
        site.get("/", context=site.context(stranger))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("settings", [
    {"maximum_version": ssl.TLSVersion.TLSv1_1},
    {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "AES128-GCM-SHA256"},
    {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE-ECDSA-AES128-SHA"},
])
def test_old_versions_and_ciphers_are_refused(site, settings):
    site.start()
    context = site.context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = settings["maximum_version"]
    context.set_ciphers(settings.get("ciphers", "ALL") + ":@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        site.connect(context=context)


def test_plain_http_on_a_tls_port_is_told_so(site):
    site.start()
    with socket.create_connection(site.address(), timeout=20) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ") and b"speaks HTTPS" in answer


@pytest.mark.parametrize("options, reason", [
    (["--gateway-tls", "127.0.0.1:0"], "tls-certificates"),
    (["--gateway-tls", "127.0.0.1:0", "--tls-certificates", "/nonexistent"], "/nonexistent"),
    (["--tls-client-ca", "/nonexistent"], "gateway-tls"),
])
def test_settings_that_cannot_work_say_why(make_daemon, options, reason):
    import subprocess
    made = make_daemon(*options, start=False)
    done = subprocess.run([made.evoke, "serve", "--data", made.data, "--api", "127.0.0.1:0",
                           "--gateway", "127.0.0.1:0", *options], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode != 0 and reason in done.stderr
