# SPDX-License-Identifier: Apache-2.0
"""Routes that only take what is signed by who sends webhooks."""
import base64
import hashlib
import hmac
import json
import time

import pytest

HANDLER = {"main.py": "def handler(event, context):\n    return {'got': event.get('body')}\n"}
SECRET = "a secret of ours"


def mac(secret, *pieces):
    return hmac.new(secret, b"".join(pieces), hashlib.sha256)


def github(body, now):
    return {"X-Hub-Signature-256": "sha256=" + mac(SECRET.encode(), body).hexdigest()}


def stripe(body, now):
    signature = mac(SECRET.encode(), b"%d." % now, body).hexdigest()
    return {"Stripe-Signature": f"t={now},v1={signature}"}


def slack(body, now):
    return {"X-Slack-Request-Timestamp": str(now),
            "X-Slack-Signature": "v0=" + mac(SECRET.encode(), b"v0:%d:" % now, body).hexdigest()}


def standard(body, now):
    signature = mac(SECRET.encode(), b"msg_1.%d." % now, body).digest()
    return {"webhook-id": "msg_1", "webhook-timestamp": str(now),
            "webhook-signature": "v1," + base64.b64encode(signature).decode()}


SCHEMES = {"github": github, "stripe": stripe, "slack": slack, "standard": standard}


def secret_of(scheme):
    if scheme == "standard":
        return "whsec_" + base64.b64encode(SECRET.encode()).decode()
    return SECRET


@pytest.fixture(scope="module")
def api(daemon):
    daemon.create("hooked", HANDLER)
    arn = daemon.boto("lambda").get_function(FunctionName="hooked")["Configuration"]["FunctionArn"]
    daemon.boto("lambda").add_permission(
        FunctionName="hooked", StatementId="gateway", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com")
    client = daemon.boto("apigatewayv2")
    made = client.create_api(Name="hooks", ProtocolType="HTTP")["ApiId"]
    client.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    target = client.create_integration(
        ApiId=made, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0",
        IntegrationUri=arn)["IntegrationId"]
    for scheme in SCHEMES:
        client.create_route(ApiId=made, RouteKey=f"POST /{scheme}",
                            Target=f"integrations/{target}")
    return made


@pytest.fixture(scope="module", params=SCHEMES)
def hook(request, daemon, api, tmp_path_factory):
    """A route whose webhooks are signed by one of two secrets."""
    scheme, folder = request.param, tmp_path_factory.mktemp("secrets")
    (folder / "secret").write_text(secret_of(scheme) + "\n")
    (folder / "guard.json").write_text(json.dumps({"signature": {
        "scheme": scheme, "secrets": [f"file:{folder / 'secret'}", secret_of(scheme)[:-4] + "AAA="],
        "tolerance": 60}}))
    daemon.run("gateway", "guard", api, folder / "guard.json", "--route", f"POST /{scheme}")

    def post(body, headers):
        status, _, answer = daemon.get(f"/apis/{api}/{scheme}", method="POST", body=body, headers={
            "Content-Type": "application/json", **headers})
        return status, json.loads(answer)

    post.sign, post.scheme = SCHEMES[scheme], scheme
    return post


REFUSED = (401, {"message": "Unauthorized"})


def test_what_is_signed_passes(hook):
    body = b'{"a": "\xc3\xa4",  "b":1}'
    assert hook(body, hook.sign(body, int(time.time()))) == (200, {"got": body.decode()})
    large = json.dumps(["x" * 1000] * 300).encode()
    assert hook(large, hook.sign(large, int(time.time())))[0] == 200


def test_what_is_changed_or_not_signed_does_not(hook):
    body, now = b'{"a": 1}', int(time.time())
    assert hook(body, {}) == REFUSED
    assert hook(b'{"a":1}', hook.sign(body, now)) == REFUSED
    assert hook(b"", hook.sign(body, now)) == REFUSED
    assert hook(body, hook.sign(b"", now)) == REFUSED


@pytest.mark.parametrize("hook", [scheme for scheme in SCHEMES if scheme != "github"],
                         indirect=True)  # GitHub signs no time
def test_what_is_old_does_not(hook):
    body = b"{}"
    assert hook(body, hook.sign(body, int(time.time()) - 3600)) == REFUSED
    assert hook(body, hook.sign(body, int(time.time()) + 3600)) == REFUSED


def test_a_guard_that_is_wrong_is_refused(daemon, api, tmp_path):
    guard = tmp_path / "guard.json"
    for signature, reason in (("gitlab x", "signature.scheme must be"),
                              ("github env:NO_SUCH_SECRET", "has no 'NO_SUCH_SECRET'"),
                              ({"scheme": "github", "secret": "x"}, "signature")):
        guard.write_text(json.dumps({"signature": signature}))
        done = daemon.run("gateway", "guard", api, guard, check=False)
        assert done.returncode != 0 and reason in done.stderr, done.stderr
