#!/usr/bin/env python3
"""A municipal registry as many a department still runs it: SOAP 1.1, document/literal wrapped, served by spyne.

    department.py --port 0 --log calls.log [--until-eof]

Prints `ready PORT` once it serves; its WSDL is at `/?wsdl`. Each SOAP request adds one line to the log, the name of the
operation in its body or `unreadable`, written before anything is done: the tests' witness of what reached the department.
Everybody in it is invented.
"""

import sys
import threading
from datetime import date, datetime, timezone
from decimal import Decimal as D
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from lxml import etree
from spyne import Application, Boolean, ComplexModel, Date, DateTime, Decimal, Fault, Integer32, ServiceBase, Unicode, rpc
from spyne.protocol.soap import Soap11
from spyne.server.wsgi import WsgiApplication

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from serving import options, serve  # noqa: E402 - it stands beside this folder

NS = "urn:example:comune:anagrafe:v1"

CodiceFiscale = Unicode(min_occurs=1, nillable=False, pattern="[A-Z0-9]{16}", type_name="CodiceFiscale")
Text = Unicode(min_occurs=1, nillable=False)
Day = Date(min_occurs=1, nillable=False)


class Indirizzo(ComplexModel):
    __namespace__ = NS
    _type_info = [
        ("via", Text),
        # Required, and still without a value for a house that has no number.
        ("civico", Unicode(min_occurs=1, nillable=True)),
        ("cap", Unicode(min_occurs=1, nillable=False, pattern="[0-9]{5}", type_name="Cap")),
        ("comune", Text),
    ]


class Persona(ComplexModel):
    __namespace__ = NS
    _type_info = [
        ("codiceFiscale", CodiceFiscale),
        ("cognome", Text),
        ("nome", Text),
        ("dataNascita", Day),
        ("inVita", Boolean(min_occurs=1, nillable=False)),
        ("figli", Integer32(min_occurs=1, nillable=False)),
        # More digits than a binary float keeps.
        ("reddito", Decimal(20, 6, min_occurs=1, nillable=True)),
        ("email", Unicode(min_occurs=0, nillable=False)),
        ("aggiornata", DateTime(min_occurs=1, nillable=False)),
        ("indirizzi", Indirizzo.customize(min_occurs=0, max_occurs="unbounded", nillable=False)),
        ("note", Unicode(min_occurs=0, max_occurs="unbounded", nillable=True)),
    ]


class PersonaNonTrovata(Fault):
    __namespace__ = NS
    _type_info = [("codiceFiscale", Text)]

    # spyne writes the declared member a second time, empty, beside the detail: a real stack's quirk, left as it is.
    def __init__(self, codice_fiscale):
        detail = {f"{{{NS}}}PersonaNonTrovata": {f"{{{NS}}}codiceFiscale": codice_fiscale}}
        super().__init__("Client", "persona non trovata", detail=detail)


PEOPLE = {
    "RSSMRA80A01H501U": Persona(
        codiceFiscale="RSSMRA80A01H501U", cognome="Rossi", nome="Mario", dataNascita=date(1980, 1, 1), inVita=True, figli=2,
        reddito=D("12345678901234.123456"), email="mario.rossi@example.org",
        aggiornata=datetime(2026, 1, 31, 12, 0, 0, tzinfo=timezone.utc),
        indirizzi=[Indirizzo(via="Via Roma", civico="1/A", cap="00184", comune="Roma"),
                   Indirizzo(via="Località Pian dell'Olmo", civico=None, cap="58100", comune="Grosseto")],
        note=["prima", None, "terza"],
    ),
    # One address, no e-mail, an income that was never declared, and a name that XML has to escape.
    "DMCLCU75D41F205Z": Persona(
        codiceFiscale="DMCLCU75D41F205Z", cognome="D'Àmico & <Figli>", nome='Lucia "Lù"', dataNascita=date(1975, 4, 1),
        inVita=True, figli=0, reddito=None, aggiornata=datetime(2025, 12, 1, 8, 30, 15, 250000, tzinfo=timezone.utc),
        indirizzi=[Indirizzo(via="Corso Buenos Aires", civico="33", cap="20124", comune="Milano")],
    ),
    # No address at all: the empty array.
    "BNCGNN31P12D612Q": Persona(
        codiceFiscale="BNCGNN31P12D612Q", cognome="Bianchi", nome="Giovanni", dataNascita=date(1931, 9, 12), inVita=False,
        figli=11, reddito=D("0.100000"), aggiornata=datetime(2001, 2, 3, 4, 5, 6, tzinfo=timezone.utc), indirizzi=[],
    ),
}


class AnagrafeService(ServiceBase):
    @rpc(CodiceFiscale, _in_variable_names={"codice_fiscale": "codiceFiscale"}, _returns=Persona.customize(min_occurs=1, nillable=False),
         _out_variable_name="persona", _throws=[PersonaNonTrovata])
    def CercaPersona(ctx, codice_fiscale):
        if codice_fiscale not in PEOPLE:
            raise PersonaNonTrovata(codice_fiscale)
        return PEOPLE[codice_fiscale]

    @rpc(Text, Integer32(min_occurs=0, nillable=False), _returns=Persona.customize(min_occurs=0, max_occurs="unbounded", nillable=False),
         _out_variable_name="persone")
    def ElencaPersone(ctx, comune, limite):
        found = [person for person in PEOPLE.values() if any(address.comune == comune for address in person.indirizzi)]
        return found[:limite] if limite is not None else found

    @rpc(CodiceFiscale, Indirizzo.customize(min_occurs=1, nillable=False), Day, Decimal(12, 2, min_occurs=0, nillable=True),
         _in_variable_names={"codice_fiscale": "codiceFiscale", "indirizzo": "indirizzo", "decorrenza": "decorrenza", "canone": "canone"},
         _returns=Text, _out_variable_name="protocollo", _throws=[PersonaNonTrovata])
    def RegistraVariazione(ctx, codice_fiscale, indirizzo, decorrenza, canone):
        """Says back what it understood, so that a test sees each value as it arrived; changes nothing."""
        if codice_fiscale not in PEOPLE:
            raise PersonaNonTrovata(codice_fiscale)
        return "|".join([codice_fiscale, indirizzo.via, str(indirizzo.civico), indirizzo.cap, indirizzo.comune,
                         decorrenza.isoformat(), str(canone)])

    @rpc(Text, _returns=Text, _out_variable_name="esito")
    def Guasta(ctx, motivo):
        """Fails in its own way: a fault that the WSDL does not declare, with a text that must not travel further."""
        raise Fault("Server", f"ORA-01017 at 10.20.30.40: {motivo}")


def operation(body):
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
        return etree.QName(root.find("{*}Body")[0]).localname
    except (etree.XMLSyntaxError, ValueError, TypeError, IndexError):
        return "unreadable"


class Witness:
    """Writes the operation down, then lets the request through."""

    def __init__(self, inner, path):
        self.inner, self.file, self.lock = inner, open(path, "a", buffering=1, encoding="utf-8"), threading.Lock()

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "POST":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            with self.lock:
                self.file.write(operation(body) + "\n")
            environ["wsgi.input"] = Whole(body)
        return self.inner(environ, start_response)


class Whole:
    """A body that was read already, in the form that WSGI asks for."""

    def __init__(self, body):
        self.body = body

    def read(self, size=-1):
        size = len(self.body) if size is None or size < 0 else size
        part, self.body = self.body[:size], self.body[size:]
        return part


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


def main():
    parser = options(__doc__)
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()

    application = Application([AnagrafeService], NS, name="Anagrafe", in_protocol=Soap11(validator="lxml"), out_protocol=Soap11())
    server = make_server("127.0.0.1", given.port, Witness(WsgiApplication(application), given.log), Server, Quiet)
    serve(server, given.until_eof)


if __name__ == "__main__":
    main()
