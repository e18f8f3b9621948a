#!/usr/bin/env python3
"""What a provider finds in a request that carries a voucher, tracking evidence and a signature (ModI over PDND), with PyJWT.

Reads one JSON object on standard input and writes one on standard output.

    {"headers": {…}, "body": "…", "client_key": "PEM", "platform_key": a JWK, "audience": "…"}

    {"voucher": {…}, "evidence": {…} or null, "signature": {…} or null, "faults": ["…"]}

Names of headers are in lower case. Signatures, audiences and times are verified; a fault is what a provider refuses for.
"""

import base64
import hashlib
import json
import sys

import jwt


def found(given):
    headers, body, faults = given["headers"], given["body"].encode(), []

    def claims(token, key, audience):
        header = jwt.get_unverified_header(token)
        if set(header) - {"alg", "typ", "kid", "use"} or header["alg"] != "RS256":
            faults.append(f"header {header}")
        options = {"verify_aud": audience is not None, "require": ["iss", "aud", "jti", "iat", "exp"]}
        return jwt.decode(token, key, algorithms=["RS256"], audience=audience, options=options)

    scheme, token = headers["authorization"].split(" ")
    voucher = claims(token, jwt.PyJWK(given["platform_key"]).key, None)
    if scheme != "Bearer":
        faults.append(f"scheme {scheme}")

    evidence = None
    if tracked := headers.get("agid-jwt-trackingevidence"):
        evidence = claims(tracked, given["client_key"], given["audience"])
        digest = {"alg": "SHA256", "value": hashlib.sha256(tracked.encode()).hexdigest()}
        if "dnonce" in evidence and voucher.get("digest") != digest:
            faults.append("the voucher is not bound to the evidence")
        if evidence["purposeId"] != voucher["purposeId"] or evidence["iss"] != voucher["client_id"]:
            faults.append("the evidence is another's")

    signature = None
    if signed := headers.get("agid-jwt-signature"):
        signature = claims(signed, given["client_key"], given["audience"])
        found = "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()
        if headers.get("digest") != found:
            faults.append("the digest is not the body's")
        if not isinstance(signature["signed_headers"], list):
            faults.append("signed_headers is no list")
        names = set()
        for entry in signature["signed_headers"]:
            ((name, value),) = entry.items()
            names.add(name)
            if headers.get(name) != value:
                faults.append(f"the header {name} is not the signed one")
        if not {"digest", "content-type"} <= names:
            faults.append(f"signed are only {sorted(names)}")
        if signature["iss"] != voucher["client_id"] or signature["sub"] != voucher["client_id"]:
            faults.append("the signature is another's")

    return {"voucher": voucher, "evidence": evidence, "signature": signature, "faults": faults}


if __name__ == "__main__":
    json.dump(found(json.load(sys.stdin)), sys.stdout)
