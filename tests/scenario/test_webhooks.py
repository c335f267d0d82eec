# SPDX-License-Identifier: Apache-2.0
"""Routes that only take what is signed by who sends webhooks."""
import base64
import hashlib
import hmac
import json
import threading
import time
import uuid

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
    message = "msg_" + uuid.uuid4().hex
    signature = mac(SECRET.encode(), b"%s.%d." % (message.encode(), now), body).digest()
    return {"webhook-id": message, "webhook-timestamp": str(now),
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
                              ({"scheme": "github", "secret": "x"}, "signature"),
                              ({"scheme": "github", "secrets": ["x"], "replay": "no"},
                               "signature.replay must be refuse, ignore or allow")):
        guard.write_text(json.dumps({"signature": signature}))
        done = daemon.run("gateway", "guard", api, guard, check=False)
        assert done.returncode != 0 and reason in done.stderr, done.stderr


# --- replays ---

# Answers with the status that the delivery names, and how often it ran.
COUNTER = """
ran = 0
def handler(event, context):
    global ran
    ran += 1
    status = int(event["body"].split()[0])
    return {"statusCode": status, "body": str(ran)}
"""


class Hook:
    """A function with a route of its own, and how webhooks of a scheme are sent to it."""

    def __init__(self, daemon, scheme, replay=None):
        self.daemon, self.sign = daemon, SCHEMES[scheme]
        self.name = f"hook-{uuid.uuid4().hex[:8]}"
        more = f", replay: {replay}" if replay else ""
        daemon.create(self.name, {"main.py": COUNTER, "function.yaml": (
            f"http:\n  route: POST /{self.name}\n"
            f"  signature: {{scheme: {scheme}, secrets: ['{secret_of(scheme)}']{more}}}\n")})

    def send(self, body, headers):
        status, _, answer = self.daemon.get(f"/{self.name}", method="POST", body=body,
                                            headers={"Content-Type": "text/plain", **headers})
        return status, answer.decode()


TAKEN = '{"message":"This delivery was taken already"}'


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "github"])
def test_a_delivery_that_was_taken_is_refused_when_it_comes_again(daemon, scheme):
    hook, now = Hook(daemon, scheme), int(time.time())
    first = hook.sign(b"200 a", now)
    assert hook.send(b"200 a", first) == (200, "1")
    for _ in range(4):  # connections of their own: whatever shard they come to
        assert hook.send(b"200 a", first) == (409, TAKEN)
    assert hook.send(b"200 b", hook.sign(b"200 b", now)) == (200, "2")


def test_what_failed_is_sent_again(daemon):
    hook, now = Hook(daemon, "standard"), int(time.time())
    for status, ran in ((500, "1"), (404, "2"), (302, "3")):
        body = b"%d x" % status
        headers = hook.sign(body, now)
        assert hook.send(body, headers) == (status, ran)
    headers = hook.sign(b"503", now)
    for ran in ("4", "5", "6"):
        assert hook.send(b"503", headers) == (503, ran)
    # The sender signs anew with each attempt, under the same id.
    message, body = headers["webhook-id"], b"204"
    again = {"webhook-id": message, "webhook-timestamp": str(now + 1),
             "webhook-signature": "v1," + base64.b64encode(mac(
                 SECRET.encode(), b"%s.%d." % (message.encode(), now + 1), body).digest()).decode()}
    assert hook.send(body, again)[0] == 204
    assert hook.send(body, again) == (409, TAKEN)


def test_a_replay_may_be_answered_as_taken_or_let_pass(daemon):
    now = int(time.time())
    hook = Hook(daemon, "stripe", "ignore")
    headers = hook.sign(b"201", now)
    assert hook.send(b"201", headers) == (201, "1")
    assert hook.send(b"201", headers) == (200, TAKEN)
    hook = Hook(daemon, "stripe", "allow")
    headers = hook.sign(b"201", now)
    assert [hook.send(b"201", headers) for _ in range(2)] == [(201, "1"), (201, "2")]


def test_a_delivery_of_github_is_known_by_what_it_signs(daemon):
    hook = Hook(daemon, "github")
    headers = {**hook.sign(b"200", 0), "X-GitHub-Delivery": "one"}
    assert [hook.send(b"200", headers) for _ in range(2)] == [(200, "1"), (200, "2")]
    hook = Hook(daemon, "github", "refuse")
    assert hook.send(b"200", headers) == (200, "1")
    # Whoever recorded it can change the id, which is not signed, and how the signature is written.
    for changed in (headers, {**headers, "X-GitHub-Delivery": "two"},
                    {"X-Hub-Signature-256": "sha256=" +
                     headers["X-Hub-Signature-256"][7:].upper()}):
        assert hook.send(b"200", changed) == (409, TAKEN)


def test_of_many_at_once_one_is_taken(daemon):
    hook, answers = Hook(daemon, "slack"), []
    headers = hook.sign(b"200", int(time.time()))
    start = threading.Barrier(8)

    def send():
        start.wait()
        answers.append(hook.send(b"200", headers))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    statuses = [status for status, _ in answers]
    assert set(statuses) <= {200, 409} and statuses.count(200) <= 1, answers
    # All of them may have stepped back; then it passes now.
    assert hook.send(b"200", headers)[0] == (409 if 200 in statuses else 200)
