"""What is asked of the proxies, and what must come back."""

import http.client
import json
import socket
import ssl
import subprocess

from place import CONNECTIONS, CROWD, PYTHON, ROOT, WORK

ENVELOPE = """<?xml version='1.0' encoding='UTF-8'?>
<soap11env:Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" \
xmlns:soap11env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:tns="urn:example:comune:anagrafe:v1"><soap11env:Body>\
<tns:CercaPersonaResponse><tns:persona><tns:codiceFiscale>RSSMRA80A01H501U</tns:codiceFiscale><tns:cognome>Rossi</tns:cognome>\
<tns:nome>Mario</tns:nome><tns:dataNascita>1980-01-01</tns:dataNascita><tns:inVita>true</tns:inVita><tns:figli>2</tns:figli>\
<tns:reddito>12345678901234.123456</tns:reddito><tns:email>mario.rossi@example.org</tns:email>\
<tns:aggiornata>2026-01-31T12:00:00+00:00</tns:aggiornata>%s<tns:note>prima</tns:note><tns:note xsi:nil="true"/>\
</tns:persona></tns:CercaPersonaResponse></soap11env:Body></soap11env:Envelope>"""
ADDRESS = """<tns:indirizzi><tns:via>Via %d</tns:via><tns:civico>1/A</tns:civico><tns:cap>00184</tns:cap>\
<tns:comune>Roma</tns:comune></tns:indirizzi>"""


def item():
    """1 KiB of JSON that the contract describes."""
    rows = [{"numero": n, "descrizione": f"riga numero {n} di un documento qualunque", "attiva": n % 2 == 0} for n in range(1, 12)]
    value = {"id": "A" * 12, "righe": rows}
    missing = 1024 - len(json.dumps(value, separators=(",", ":")))
    value["id"] += "B" * missing
    return json.dumps(value, separators=(",", ":")).encode()


def query():
    """2 KiB of JSON that the contract describes."""
    person = {"codiceFiscale": "RSSMRA80A01H501U", "cognome": "Rossi", "dataNascita": "1980-01-01"}
    rows = [{**person, "importo": 1000.5 + n} for n in range(20)]
    value = {"idOperazione": "20261121000001", "criteri": rows}
    value["criteri"][0]["cognome"] += "x" * max(0, min(50, 2048 - len(json.dumps(value, separators=(",", ":")))))
    return json.dumps(value, separators=(",", ":")).encode()


def envelope():
    """What the SOAP department answers, 3 KiB."""
    return ENVELOPE % "".join(ADDRESS % n for n in range(18))


def persona():
    """What the SOAP answer means, as JSON."""
    return {
        "codiceFiscale": "RSSMRA80A01H501U", "cognome": "Rossi", "nome": "Mario", "dataNascita": "1980-01-01", "inVita": True,
        "figli": 2, "reddito": "12345678901234.123456", "email": "mario.rossi@example.org", "aggiornata": "2026-01-31T12:00:00+00:00",
        "indirizzi": [{"via": f"Via {n}", "civico": "1/A", "cap": "00184", "comune": "Roma"} for n in range(18)],
        "note": ["prima", None],
    }


class Scenario:
    """One kind of request, and who is asked it."""

    def __init__(self, name, title, peers, method, path, port="plain", body=b"", voucher=False, expected=None,
                 connections=CONNECTIONS):
        self.name, self.title, self.peers, self.method, self.path, self.port = name, title, peers, method, path, port
        self.body, self.voucher, self.expected, self.connections = body, voucher, expected, connections

    @property
    def is_crowd(self):
        """Whether it asks with more connections than the others, and so after them: memory is read in between."""
        return self.connections > CONNECTIONS

    def headers(self, token):
        headers = {"Host": "localhost", "Accept": "application/json"}
        if self.body:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        if self.voucher:
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def wire(self, token):
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers(token).items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def scenarios():
    everyone, item_value = ["varco", "nginx", "haproxy", "envoy"], json.loads(item())
    plain = [*everyone, "bare"]
    return [
        Scenario("get", "GET 1 KiB", plain, "GET", "/plain/item", expected=item_value),
        Scenario("post", "POST 2 KiB", plain, "POST", "/plain/item", body=query(), expected=item_value),
        Scenario("checked", "POST 2 KiB, request and answer against their schemas", ["varco"], "POST", "/checked/item", body=query(),
                 expected=item_value),
        Scenario("tls", "TLS 1.3 GET 1 KiB", everyone, "GET", "/plain/item", port="tls", expected=item_value),
        Scenario("chain", "full chain, RS256 voucher, POST 2 KiB", ["varco", "many", "envoy"], "POST", "/chain/item", port="voucher",
                 body=query(), voucher=True, expected=item_value),
        Scenario("soap", "REST to SOAP and back, 3 KiB envelope", ["varco"], "GET", "/soap/persone/RSSMRA80A01H501U", expected=persona()),
        Scenario("crowd", f"GET 1 KiB, {CROWD} connections", plain, "GET", "/plain/item", expected=item_value, connections=CROWD),
    ]


def answers(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        connection.request("GET", "/plain/item")
        answer = connection.getresponse()
        return answer.status == 200 and answer.read() == item()
    except (OSError, http.client.HTTPException):
        return False


def ask(port, scenario, token):
    """One request from Python: over TLS too, where only the certificate's name matters here."""
    if scenario.port == "tls":
        context = ssl.create_default_context(cafile=str(WORK / "ca.pem"))
        connection = http.client.HTTPSConnection("localhost", port, timeout=5, context=context)
        connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 5), server_hostname="localhost")
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(scenario.method, scenario.path, scenario.body or None, scenario.headers(token))
    answer = connection.getresponse()
    return answer.status, answer.read()


def voucher():
    """An RS256 voucher that outlives the run, and the key set that verifies it."""
    spec = {"library": "joserfc", "keys": {"bench": {"alg": "RS256"}}, "vouchers": {"good": {"claims": {"exp+": 86400}}}}
    command = [str(PYTHON), str(ROOT / "tests/peers/vouchers.py")]
    run = subprocess.run(command, input=json.dumps(spec), capture_output=True, text=True, check=True)
    made = json.loads(run.stdout)
    (WORK / "jwks.json").write_text(json.dumps(made["jwks"]))
    return made["vouchers"]["good"]
