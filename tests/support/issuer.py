# SPDX-License-Identifier: Apache-2.0
"""An issuer of tokens on this machine: discovery, a key set, and signing."""
import base64
import http.server
import json
import threading
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """A key pair under an id; kind: RS256, ES256 or EdDSA."""

    def __init__(self, kid, kind="RS256"):
        self.kid, self.kind = kid, kind
        if kind == "RS256":
            self.private = rsa.generate_private_key(65537, 2048)
        elif kind == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
        else:
            self.private = ed25519.Ed25519PrivateKey.generate()

    def jwk(self):
        public = self.private.public_key()
        if self.kind == "RS256":
            numbers = public.public_numbers()
            return {"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256",
                    "n": number(numbers.n), "e": number(numbers.e)}
        if self.kind == "ES256":
            numbers = public.public_numbers()
            return {"kty": "EC", "kid": self.kid, "crv": "P-256", "x": number(numbers.x, 32),
                    "y": number(numbers.y, 32)}
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "kid": self.kid, "crv": "Ed25519", "x": encode(raw)}

    def signature(self, content):
        if self.kind == "RS256":
            return self.private.sign(content, padding.PKCS1v15(), hashes.SHA256())
        if self.kind == "ES256":
            r, s = decode_dss_signature(self.private.sign(content, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(content)

    def sign(self, claims, **header):
        head = {"alg": self.kind, "kid": self.kid, **header}
        content = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
        return content + "." + encode(self.signature(content.encode()))


class Issuer:
    """Serves its keys until stop(); asked counts the requests for each path."""

    def __init__(self, *keys, port=0):
        self.keys, self.asked = list(keys), []
        self.hold = None  # an event: answers wait for it
        self.key_set = None  # bytes to answer instead of the keys
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked.append(self.path)
                if issuer.hold:
                    issuer.hold.wait(10)
                body = issuer.answer(self.path)
                try:
                    self.send_response(200 if body else 404)
                    self.send_header("content-length", str(len(body or b"")))
                    self.end_headers()
                    self.wfile.write(body or b"")
                except BrokenPipeError:
                    pass  # who asked did not wait

            def log_message(self, *_arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, path):
        if path == "/.well-known/openid-configuration":
            return json.dumps({"issuer": self.url, "jwks_uri": f"{self.url}/keys"}).encode()
        if path == "/keys":
            return self.key_set or json.dumps({"keys": [key.jwk() for key in self.keys]}).encode()
        return None

    def claims(self, **more):
        now = int(time.time())
        return {"iss": self.url, "aud": "pets", "sub": "eva", "iat": now - 5, "exp": now + 600,
                **more}

    def token(self, **more):
        return self.keys[0].sign({name: value for name, value in self.claims(**more).items()
                                  if value is not None})

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
