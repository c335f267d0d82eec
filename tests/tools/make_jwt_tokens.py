#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Write tests/unit/guard/jwt_tokens.h: tokens of every algorithm, signed by fresh keys."""
import base64
import json
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {
    "ES256": (ec.SECP256R1(), "P-256", 32),
    "ES384": (ec.SECP384R1(), "P-384", 48),
    "ES512": (ec.SECP521R1(), "P-521", 66),
}


LINE = " \\\n"  # of a macro


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, length=None):
    return encode(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


def rsa_jwk(key, kid, **more):
    public = key.public_key().public_numbers()
    return {"kty": "RSA", "kid": kid, "n": number(public.n), "e": number(public.e), **more}


def ec_jwk(key, kid):
    public, (_, name, length) = key.public_key().public_numbers(), CURVES[kid]
    return {"kty": "EC", "kid": kid, "crv": name, "x": number(public.x, length),
            "y": number(public.y, length)}


def signature(algorithm, key, content):
    family, size = algorithm[:2], algorithm[2:]
    if family == "RS":
        return key.sign(content, padding.PKCS1v15(), HASHES[size])
    if family == "PS":
        pss = padding.PSS(padding.MGF1(HASHES[size]), HASHES[size].digest_size)
        return key.sign(content, pss, HASHES[size])
    if family == "ES":
        r, s = decode_dss_signature(key.sign(content, ec.ECDSA(HASHES[size])))
        length = CURVES[algorithm][2]
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")
    return key.sign(content)


def token(algorithm, kid, key):
    head = json.dumps({"alg": algorithm, "kid": kid}).encode()
    content = encode(head) + "." + encode(b'{"sub":"eva"}')
    return content + "." + encode(signature(algorithm, key, content.encode()))


def literal(text, end="\n"):
    pieces = [text[i:i + 84] for i in range(0, len(text), 84)]
    escaped = [piece.replace("\\", "\\\\").replace('"', '\\"') for piece in pieces]
    return (end + "    ").join(f'"{piece}"' for piece in escaped)


def main():
    common, small = rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 1024)
    curved = {name: ec.generate_private_key(curve[0]) for name, curve in CURVES.items()}
    edwards = ed25519.Ed25519PrivateKey.generate()
    raw = edwards.public_key().public_bytes(serialization.Encoding.Raw,
                                            serialization.PublicFormat.Raw)
    keys = [rsa_jwk(common, "rsa"), rsa_jwk(small, "small"),
            rsa_jwk(common, "only-rs512", alg="RS512"), rsa_jwk(common, "enc", use="enc"),
            {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
            *(ec_jwk(key, name) for name, key in curved.items()),
            {"kty": "OKP", "kid": "EdDSA", "crv": "Ed25519", "x": encode(raw)}]
    signers = [(f"{family}{size}", "rsa", common) for family in ("RS", "PS") for size in HASHES]
    signers += [(name, name, key) for name, key in curved.items()]
    signers += [("EdDSA", "EdDSA", edwards)]
    rows = [f'    {{"{alg}", "{kid}", {literal(token(alg, kid, key))}}},\n'
            for alg, kid, key in signers]
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write("/* SPDX-License-Identifier: Apache-2.0 */\n#pragma once\n\n"
                  "/* Made by tests/tools/make_jwt_tokens.py; the keys were thrown away. */\n"
                  "/* clang-format off */\n"
                  f"#define KEY_SET {literal(json.dumps({'keys': keys}), LINE)}\n\n"
                  "static const struct {\n    const char *algorithm, *kid, *token;\n"
                  f"}} signed_tokens[] = {{\n{''.join(rows)}}};\n\n"
                  "/* Signed right, but by keys that must not be used so. */\n"
                  f"#define SMALL_TOKEN {literal(token('RS256', 'small', small), LINE)}\n"
                  "#define OTHER_ALGORITHM_TOKEN "
                  f"{literal(token('RS256', 'only-rs512', common), LINE)}\n"
                  "/* clang-format on */\n")


main()
