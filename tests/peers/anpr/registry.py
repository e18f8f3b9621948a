#!/usr/bin/env python3
"""A registry in the manner of ANPR's C020 (accertamento residenza), over TLS, with PyJWT: it verifies voucher, tracking evidence and
signature, and answers `RispostaE002OK` or `RispostaKO`. Everybody in it is invented.

    registry.py --folder F --log anpr.log [--until-eof]

Prints `ready PORT` once it serves. `registry.json` of the folder says whom it believes: `client_key` (PEM), `platform_key` (a JWK) and
`audience`. Each request adds one line of JSON to the log, with what was found in it, written before it is answered.
"""

import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from provider import found  # noqa: E402 - it stands beside this folder
from serving import options, serve  # noqa: E402

PATH = "/govway/rest/in/MinInternoPortaANPR-PDND/C020-servizioAccertamentoResidenza/v1/anpr-service-e002"

PEOPLE = {
    "RSSMRA80A01H501U": {
        "generalita": {"codiceFiscale": {"codFiscale": "RSSMRA80A01H501U", "validitaCF": "1"}, "cognome": "ROSSI", "nome": "MARIO",
                       "sesso": "M", "dataNascita": "1980-01-01"},
        "identificativi": {"idANPR": "AB12345CD"},
        "residenza": [{"tipoIndirizzo": "1", "indirizzo": {"cap": "00100", "comune": {"nomeComune": "ROMA", "codiceIstat": "058091",
                                                                                   "siglaProvinciaIstat": "RM"}}}],
        "infoSoggettoEnte": [{"id": "1", "chiave": "Data decesso", "valore": "N"}],
    },
}


def ko(number, code, text):
    return {"idOperazioneANPR": number,
            "listaErrori": [{"codiceErroreAnomalia": code, "tipoErroreAnomalia": "E", "testoErroreAnomalia": text}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    believed, log, lock, count = {}, None, threading.Lock(), 884213376

    def log_message(self, *_):
        """What it is asked goes into its own log."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            said = found({**self.believed, "headers": headers, "body": body.decode()})
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is a refusal
            said = {"faults": [f"{type(error).__name__}: {error}"]}
        with self.lock:
            Handler.count += 1
            number = str(Handler.count)
            self.log.write(json.dumps({"path": self.path, "headers": sorted(headers), **said}) + "\n")
        if said["faults"] or self.path != PATH:
            problem = {"type": "https://govway.org/handling-errors/400/InteroperabilityInvalidRequest.html", "status": 400,
                       "title": "InteroperabilityInvalidRequest", "govway_id": number}
            return self.answer(400, problem, "application/problem+json")
        asked = json.loads(body)
        person = PEOPLE.get(asked["criteriRicerca"].get("codiceFiscale"))
        if person is None:
            return self.answer(404, ko(number, "EN122", "soggetto non trovato"))
        return self.answer(200, {"idOperazioneANPR": number, "listaSoggetti": {"datiSoggetto": [person]}})

    def answer(self, status, value, kind="application/json"):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    given = options(__doc__).parse_args()
    Handler.believed = json.loads((given.folder / "registry.json").read_text())
    Handler.log = open(given.log, "a", buffering=1, encoding="utf-8")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(given.folder / "server.pem", given.folder / "server.key")
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    serve(server, given.until_eof)


if __name__ == "__main__":
    main()
