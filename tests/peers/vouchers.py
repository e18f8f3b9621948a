#!/usr/bin/env python3
"""Vouchers and key sets made by JOSE implementations that are not the gateway's: joserfc and PyJWT.

Reads one JSON object on standard input and writes one on standard output.

    {"library": "joserfc",                 or "pyjwt"
     "now": 1795282001,                    seconds; left out: the clock
     "keys": {"kid-1": {"alg": "RS256", "pem": "…"}},    ES256 too; without pem one is generated
     "claims": {…}, "header": {…},         laid over the defaults of every voucher
     "vouchers": {"name": {"key": "kid-1", "claims": {…}, "header": {…}, "fault": "…"}},
     "standard": true}                     adds the good and the bad ones listed in STANDARD, by the first key

    {"jwks": {"keys": […]}, "pems": {"kid-1": "…"}, "vouchers": {"name": "eyJ…"}}

A member of `claims` or `header` that is null is left out of the voucher. Defaults: a voucher as PDND issues it, valid from
`now` for ten minutes. `fault` is what no library would do: see FAULTS.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
import uuid

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


class Joserfc:
    """Signs with joserfc."""

    def __init__(self, alg, pem):
        from joserfc import jwk, jws

        kind = jwk.RSAKey if alg == "RS256" else jwk.ECKey
        self.alg, self.jws, self.key = alg, jws, kind.import_key(pem)

    def sign(self, header, payload):
        # Not strict: `use` is a member of PDND's header that no registry knows.
        registry = self.jws.JWSRegistry(algorithms=[self.alg], strict_check_header=False)
        return self.jws.serialize_compact(header, payload, self.key, registry=registry)

    def jwk(self):
        return self.key.as_dict(private=False)


class PyJwt:
    """Signs with PyJWT."""

    def __init__(self, alg, pem):
        from jwt import algorithms, api_jws

        self.alg, self.jws, self.pem = alg, api_jws.PyJWS(), pem
        self.algorithm = self.jws.get_algorithm_by_name(alg)
        assert isinstance(self.algorithm, (algorithms.RSAAlgorithm, algorithms.ECAlgorithm))

    def sign(self, header, payload):
        members = {name: value for name, value in header.items() if name != "alg"}
        # PyJWT writes `typ: JWT` unless it is told of another, or of none.
        return self.jws.encode(payload, self.pem, algorithm=self.alg, headers={"typ": None, **members})

    def jwk(self):
        public = serialization.load_pem_private_key(self.pem.encode(), None).public_key()
        return self.algorithm.to_jwk(public, as_dict=True)


LIBRARIES = {"joserfc": Joserfc, "pyjwt": PyJwt}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def generate(alg):
    key = rsa.generate_private_key(65537, 2048) if alg == "RS256" else ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def by_hand(pem, header, payload):
    """A compact JWS over header bytes that a library would refuse to write, its signature correct all the same."""
    signed = f"{base64url(header)}.{base64url(payload)}"
    key = serialization.load_pem_private_key(pem.encode(), None)
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return f"{signed}.{base64url(signature)}"


def unsigned(pem, header, payload):
    """`alg: none` and no signature."""
    return f"{base64url(compact({**header, 'alg': 'none'}))}.{base64url(payload)}."


def hmac_public(pem, header, payload):
    """HS256 with the public key as its secret: accepted by whoever takes the algorithm from the token."""
    public = serialization.load_pem_private_key(pem.encode(), None).public_key()
    secret = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{base64url(compact({**header, 'alg': 'HS256'}))}.{base64url(payload)}"
    return f"{signed}.{base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def critical(pem, header, payload):
    """Properly signed, with an extension that must be understood and is not."""
    return by_hand(pem, compact({**header, "crit": ["urn:example:unknown"], "urn:example:unknown": True}), payload)


def own_key(pem, header, payload):
    """Signed by a stranger's key, which the token itself offers for its verification."""
    other = generate(header["alg"])
    name = "joserfc" if header["alg"] == "RS256" else "pyjwt"
    jwk = LIBRARIES[name](header["alg"], other).jwk()
    return by_hand(other, compact({**header, "jwk": jwk, "jku": "https://attacker.example/jwks.json"}), payload)


def tampered(pem, header, payload):
    """Signed, and then another purpose put in."""
    signature = by_hand(pem, compact(header), payload).rsplit(".", 1)[1]
    changed = {**json.loads(payload), "purposeId": str(uuid.uuid4())}
    return f"{base64url(compact(header))}.{base64url(compact(changed))}.{signature}"


def duplicate_header(pem, header, payload):
    """Two `alg` members: which one counts differs between readers."""
    return by_hand(pem, b'{"alg":"none",' + compact(header)[1:], payload)


def duplicate_claim(pem, header, payload):
    """Two `aud` members."""
    return by_hand(pem, compact(header), b'{"aud":"https://other.example",' + payload[1:])


def not_json(pem, header, payload):
    """A payload that is no JSON."""
    return by_hand(pem, compact(header), payload[:-1])


def two_parts(pem, header, payload):
    """The signature is missing together with its dot."""
    return by_hand(pem, compact(header), payload).rsplit(".", 1)[0]


def padded(pem, header, payload):
    """Base64 with padding, which RFC 7515 forbids."""
    return by_hand(pem, compact(header), payload) + "=="


def truncated(pem, header, payload):
    """The last byte of the signature is gone, and what is left is base64 still."""
    return by_hand(pem, compact(header), payload)[:-2]


FAULTS = {
    "none": unsigned, "hmac-public": hmac_public, "crit": critical, "own-key": own_key, "tampered": tampered,
    "duplicate-header": duplicate_header, "duplicate-claim": duplicate_claim, "not-json": not_json, "two-parts": two_parts,
    "padded": padded, "truncated": truncated,
}

# Times are relative to `now`: a member that ends in `+` is added to it.
STANDARD = {
    "good": {},
    "good-audience-array": {"audience": "array"},
    "good-audience-commas": {"audience": "commas"},
    "good-type-application": {"header": {"typ": "application/at+jwt"}},
    "expired": {"claims": {"iat+": -700, "nbf+": -700, "exp+": -100}},
    "not-yet": {"claims": {"nbf+": 300}},
    "issued-in-future": {"claims": {"iat+": 300}},
    "without-expiry": {"claims": {"exp": None}},
    "wrong-audience": {"claims": {"aud": "https://other.example/service"}},
    "without-audience": {"claims": {"aud": None}},
    "wrong-issuer": {"claims": {"iss": "other.example"}},
    "wrong-producer": {"claims": {"producerId": "00000000-0000-4000-8000-00000000dead"}},
    "wrong-eservice": {"claims": {"eserviceId": "00000000-0000-4000-8000-00000000dead"}},
    "wrong-descriptor": {"claims": {"descriptorId": "00000000-0000-4000-8000-00000000dead"}},
    "without-purpose": {"claims": {"purposeId": None}},
    "without-jti": {"claims": {"jti": None}},
    "subject-differs": {"claims": {"sub": "00000000-0000-4000-8000-00000000dead"}},
    "bound": {"claims": {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}},
    "unknown-key": {"header": {"kid": "unknown-kid"}},
    "without-kid": {"header": {"kid": None}},
    "type-jwt": {"header": {"typ": "JWT"}},
    "type-dpop": {"header": {"typ": "dpop+jwt"}},
    "without-type": {"header": {"typ": None}},
    **{name: {"fault": name} for name in FAULTS},
}


def overlaid(base, *layers, now):
    members = dict(base)
    for layer in layers:
        for name, value in (layer or {}).items():
            if name.endswith("+"):
                name, value = name[:-1], now + value
            members[name] = value
    return {name: value for name, value in members.items() if value is not None}


def claims_at(now):
    client = "9a1e40b4-5815-4a99-99e2-d15364c7a500"
    return {
        "jti": str(uuid.uuid4()), "iss": "pdnd.example", "aud": "https://provider.example/service", "client_id": client,
        "sub": client, "iat": now, "nbf": now, "exp": now + 600, "purposeId": "9ed89edd-d684-4325-b600-e6129ec04ece",
        "producerId": "00a154d8-5ed8-4bcc-b5c7-19c2add9ca88", "consumerId": "f5ec52ed-0108-4475-92e1-bc7656670b14",
        "eserviceId": "68b4aef7-3eaa-4e17-9d8a-4eace693ae2d", "descriptorId": "4350cc17-21e5-4f21-acd5-52a09ddbef12",
    }


def voucher(spec, wish, keys, now):
    kid = wish.get("key", next(iter(keys)))
    alg, pem, library = keys[kid]
    claims = overlaid(claims_at(now), spec.get("claims"), wish.get("claims"), now=now)
    header = overlaid({"use": "sig", "alg": alg, "kid": kid, "typ": "at+jwt"}, spec.get("header"), wish.get("header"), now=now)
    match wish.get("audience"):
        case "array":
            claims["aud"] = ["https://other.example/service", claims["aud"]]
        case "commas":
            claims["aud"] = f"https://other.example/service,{claims['aud']}"
    payload = compact(claims)
    if fault := wish.get("fault"):
        return FAULTS[fault](pem, header, payload)
    return library.sign(header, payload)


def main():
    spec = json.load(sys.stdin)
    now = int(spec.get("now", time.time()))
    keys = {}
    for kid, key in (spec.get("keys") or {str(uuid.uuid4()): {}}).items():
        alg = key.get("alg", "RS256")
        pem = key.get("pem") or generate(alg)
        keys[kid] = (alg, pem, LIBRARIES[spec.get("library", "joserfc")](alg, pem))
    wishes = {**(STANDARD if spec.get("standard") else {}), **spec.get("vouchers", {})}
    answer = {
        "jwks": {"keys": [{**library.jwk(), "kid": kid, "use": "sig", "alg": alg} for kid, (alg, _, library) in keys.items()]},
        "pems": {kid: pem for kid, (_, pem, _) in keys.items()},
        "vouchers": {name: voucher(spec, wish, keys, now) for name, wish in wishes.items()},
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
