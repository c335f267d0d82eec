# SPDX-License-Identifier: Apache-2.0
"""Mutual TLS of custom domains: who their clients must be, by the authorities of a truststore."""
import http.client
import json
import os
import socket
import ssl
import urllib.parse

import botocore.exceptions
import pytest

import certificates
from evoke_daemon import wait_until

HANDLER = """import json
def handler(event, context):
    told = event["requestContext"]
    return {"statusCode": 200, "body": json.dumps(told)} if event["version"] == "1.0" else told
"""
NAMES = ("own.example", "open.example", "*.wild.example", "free.wild.example")


class Site:
    """A daemon with TLS, an API at several domains, and an authority for the clients of one."""

    def __init__(self, tmp_path, make_daemon):
        self.servers = certificates.Authority(tmp_path / "servers")
        self.clients = certificates.Authority(tmp_path / "clients", name="Clients")
        self.servers.issue(tmp_path / "certificates", "default", "localhost", *NAMES)
        self.alice = self.clients.issue(tmp_path / "alice", "alice")
        self.trust = tmp_path / "trust.pem"
        self.trust.write_text(self.clients.crt.read_text())
        self.daemon = make_daemon("--gateway-tls", "127.0.0.1:0",
                                  "--tls-certificates", tmp_path / "certificates")
        self.gateway = self.daemon.boto("apigatewayv2")
        self.daemon.create("f", {"main.py": HANDLER})
        self.daemon.boto("lambda").add_permission(
            FunctionName="f", StatementId="gateway", Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com")
        arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
        self.api = self.gateway.create_api(Name="a", ProtocolType="HTTP", Target=arn)["ApiId"]
        older = self.gateway.create_integration(
            ApiId=self.api, IntegrationType="AWS_PROXY", IntegrationUri=arn,
            PayloadFormatVersion="1.0")["IntegrationId"]
        self.gateway.create_route(ApiId=self.api, RouteKey="GET /one", Target="integrations/" + older)

    def add(self, name, uri=None):
        mutual = {"MutualTlsAuthentication": {"TruststoreUri": str(uri)}} if uri else {}
        made = self.gateway.create_domain_name(DomainName=name, DomainNameConfigurations=[{}], **mutual)
        self.gateway.create_api_mapping(DomainName=name, ApiId=self.api, Stage="$default")
        return made

    def connect(self, name, client=None, session=None):
        context = ssl.create_default_context(cafile=self.servers.crt)
        if client:
            context.load_cert_chain(*client)
        state = json.loads((self.daemon.data / "daemon.json").read_text())
        parts = urllib.parse.urlsplit(state["gateway-tls"])
        raw = socket.create_connection((parts.hostname, parts.port), timeout=20)
        return context.wrap_socket(raw, server_hostname=name, session=session)

    def get(self, name, client=None, host=None):
        with self.connect(name, client) as sock:
            return ask(sock, host or name)

    def is_refused(self, *arguments):
        try:
            self.get(*arguments)
        except OSError:
            return True
        return False


def ask(sock, host, path="/x"):
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    response = http.client.HTTPResponse(sock)
    response.begin()
    return response.status, json.loads(response.read())


@pytest.fixture
def site(tmp_path, make_daemon):
    return Site(tmp_path, make_daemon)


def test_a_domain_takes_the_certificates_of_its_authorities_only(site, tmp_path):
    made = site.add("own.example", site.trust.as_uri())
    site.add("open.example")
    assert made["MutualTlsAuthentication"] == {"TruststoreUri": site.trust.as_uri()}
    status, context = site.get("own.example", site.alice)
    shown = context["authentication"]["clientCert"]
    assert status == 200 and shown["subjectDN"] == "CN=alice" and shown["issuerDN"] == "CN=Clients"
    assert shown["clientCertPem"] == site.alice[0].read_text()
    with site.connect("own.example", site.alice) as sock:
        assert ask(sock, "own.example", "/one")[1]["identity"]["clientCert"] == shown
    assert shown["serialNumber"] and shown["validity"]["notAfter"].endswith(" GMT")
    stranger = certificates.Authority(tmp_path / "other").issue(tmp_path / "other", "mallory")
    assert site.is_refused("own.example") and site.is_refused("own.example", stranger)
    status, context = site.get("open.example")
    assert status == 200 and "authentication" not in context


def test_no_other_door_leads_to_it(site):
    site.add("own.example", site.trust)
    site.add("open.example")
    forbidden = (403, {"message": "Forbidden"})
    assert site.get("open.example", host="own.example") == forbidden
    assert site.get("localhost", site.alice, "own.example") == forbidden
    status, _, body = site.daemon.get("/x", headers={"Host": "own.example"})
    assert (status, json.loads(body)) == forbidden
    with site.connect("own.example", site.alice) as sock:
        assert ask(sock, "own.example")[0] == 200
        assert ask(sock, "OWN.example:443")[0] == 200
        assert ask(sock, "open.example")[0] == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_another_name_is_not_resumed(site, version):
    site.add("own.example", site.trust)
    site.add("open.example")
    context = ssl.create_default_context(cafile=site.servers.crt)
    context.minimum_version = context.maximum_version = version
    state = json.loads((site.daemon.data / "daemon.json").read_text())
    parts = urllib.parse.urlsplit(state["gateway-tls"])

    def connect(name, session=None):
        raw = socket.create_connection((parts.hostname, parts.port), timeout=20)
        return context.wrap_socket(raw, server_hostname=name, session=session)

    with connect("open.example") as sock:
        assert ask(sock, "open.example")[0] == 200
        session = sock.session
    with connect("open.example", session) as sock:
        assert ask(sock, "open.example")[0] == 200 and sock.session_reused
    with pytest.raises(OSError):
        with connect("own.example", session) as sock:
            ask(sock, "own.example")
    context.load_cert_chain(*site.alice)
    with connect("own.example") as sock:
        assert ask(sock, "own.example")[0] == 200
        session = sock.session
    with connect("own.example", session) as sock:
        assert sock.session_reused
        status, told = ask(sock, "own.example")
        assert status == 200 and told["authentication"]["clientCert"]["subjectDN"] == "CN=alice"


def test_a_wildcard_is_not_for_a_name_of_its_own(site):
    site.add("*.wild.example", site.trust)
    site.add("free.wild.example")
    assert site.is_refused("a.wild.example")
    assert site.get("a.wild.example", site.alice)[0] == 200
    assert site.get("free.wild.example")[0] == 200


def test_a_changed_truststore_is_read_and_no_connection_is_dropped(site, tmp_path):
    site.add("own.example", site.trust)
    other = certificates.Authority(tmp_path / "other", name="Other")
    bob = other.issue(tmp_path / "bob", "bob")
    assert site.is_refused("own.example", bob)
    with site.connect("own.example", site.alice) as old:
        assert ask(old, "own.example")[0] == 200
        (tmp_path / "new.pem").write_text(other.crt.read_text())
        os.rename(tmp_path / "new.pem", site.trust)
        wait_until(lambda: not site.is_refused("own.example", bob), "the new authority")
        assert site.is_refused("own.example", site.alice)
        assert ask(old, "own.example")[0] == 200
    # What is wrong changes nothing and is said.
    site.trust.write_text("nonsense")
    wait_until(lambda: "no PEM certificate" in site.daemon.log_text(), "the warning")
    assert site.get("own.example", bob)[0] == 200
    # After a start nothing was read before: nobody is let in.
    site.daemon.stop()
    site.daemon.start()
    assert site.is_refused("own.example", bob)
    site.trust.write_text(other.crt.read_text())
    wait_until(lambda: not site.is_refused("own.example", bob), "the authority again")


def test_settings_are_checked_changed_and_taken_away(site, tmp_path):
    for uri, says in (("/nonexistent.pem", "/nonexistent.pem"), ("ftp://x/y", "file:///PATH"),
                      ("s3://bucket/../../etc/passwd", "file:///PATH"), (str(tmp_path), "no file"),
                      (str(site.alice[1]), "no PEM certificate")):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            site.add("own.example", uri)
        assert caught.value.response["Error"]["Code"] == "BadRequestException"
        assert says in caught.value.response["Error"]["Message"]
    folder = site.daemon.data / "truststores" / "bucket"
    folder.mkdir(parents=True)
    (folder / "clients.pem").write_text(site.clients.crt.read_text())
    site.add("own.example")
    assert site.get("own.example")[0] == 200
    site.gateway.update_domain_name(DomainName="own.example", MutualTlsAuthentication={
        "TruststoreUri": "s3://bucket/clients.pem", "TruststoreVersion": "1"})
    assert site.is_refused("own.example") and site.get("own.example", site.alice)[0] == 200
    site.gateway.update_domain_name(DomainName="own.example",
                                    MutualTlsAuthentication={"TruststoreUri": ""})
    assert "MutualTlsAuthentication" not in site.gateway.get_domain_name(DomainName="own.example")
    assert site.get("own.example")[0] == 200
