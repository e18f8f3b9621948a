#!/usr/bin/env python3
"""A department's client in Python: `requests` for REST, `zeep` for SOAP.

Reads one JSON object on standard input and writes one on standard output.

    {"rest": "http://…", "soap": "http://…", "wsdl": "anagrafe.wsdl", "key": "…", "wrong_key": "…"}

    {"rest": [status, body], "person": "Rossi", "fault": "…", "refused": "…"}
"""

import json
import sys

import requests
import zeep
from zeep.exceptions import Fault, TransportError


def person(given, key, code):
    session = requests.Session()
    session.headers["X-Api-Key"] = key
    client = zeep.Client(given["wsdl"], transport=zeep.Transport(session=session, operation_timeout=20))
    service = client.create_service("{urn:example:comune:anagrafe:v1}Anagrafe", given["soap"])
    try:
        return service.CercaPersona(codiceFiscale=code).cognome
    except Fault as fault:
        return f"{fault.code}: {fault.message}"
    except TransportError as error:
        return f"{error.status_code}: {error.content!r}"


def main():
    given = json.load(sys.stdin)
    rest = requests.get(given["rest"], headers={"X-Api-Key": given["key"]}, timeout=20)
    said = {
        "rest": [rest.status_code, rest.json()],
        "person": person(given, given["key"], "RSSMRA80A01H501U"),
        "fault": person(given, given["key"], "VRDLGU91A10X999X"),
        "refused": person(given, given["wrong_key"], "RSSMRA80A01H501U"),
    }
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
