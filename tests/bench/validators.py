#!/usr/bin/env python3
"""Holds one answer of two KiB, and one of seven, against its document: with the gateway's contract (`cargo bench -p contract`), with
openapi-core (PyPI) and with Ajv as express-openapi-validator has it (npm). `make bench` runs it; it writes CONTRACT.md beside this file.

Each figure is the least of its rounds, one after another on one CPU: of what runs alone and only computes, that is what drifts least.
"""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
import time

from place import HERE, PROXY_CPU, PYTHON, ROOT, say
from report import table

SIZES = [14, 49]
DOCUMENT = ROOT / "specs/anagrafe/openapi.yaml"


def answer(addresses):
    """As `answer` in gateway/contract/benches/contract.rs writes it."""
    address = {"tipo": "RESIDENZA", "via": "VIA DEI TIGLI", "civico": "", "cap": "99010", "comune": "PIETRACHIARA", "provincia": "PX", "dal": "2014-06-01"}
    citizen = {
        "codiceFiscale": "FNTLCU85C52X999H", "cognome": "FONTANA", "nome": "LUCIA", "dataNascita": "1985-03-12", "sesso": "F",
        "email": "lucia.fontana@posta.example", "reddito": "23450.70", "numeroComponenti": 3, "irreperibile": False,
        "indirizzi": [{**address, "civico": f"{n}/B"} for n in range(addresses)],
    }
    value = {"idOperazioneClient": "20261121000001", "idOperazioneAnagrafe": "884213377", "cittadino": citizen}
    return json.dumps(value, separators=(",", ":"))


def microseconds(text):
    number, unit = re.match(r"([\d.]+) (\S+)", text).groups()
    return float(number) * {"ns": 0.001, "µs": 1, "ms": 1000, "s": 1_000_000}[unit]


def mebibytes(text):
    number, unit = re.match(r"([\d.]+) (\S+)", text).groups()
    return float(number) * {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9}[unit] / (1 << 20)


def ours():
    """Of each benchmark its least time and its allocations, by its name and argument."""
    command = ["taskset", "-c", PROXY_CPU, "cargo", "bench", "--quiet", "--locked", "-p", "contract", "--bench", "contract"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found, name, key, counts = {}, None, None, None
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split("│")]
        head = re.match(r"^[│ ]*[├╰]─ (\S+)\s*(.*)$", line)
        if head:
            label, rest = head.groups()
            fastest = re.match(r"([\d.]+ (?:ns|µs|ms|s))\s", rest)
            if not label.isdigit():
                name = label
            key = (name, int(label)) if label.isdigit() else (name, None)
            if fastest:
                found[key] = {"time": microseconds(fastest.group(1))}
            counts = None
        elif line.strip("│ ").startswith(("max alloc:", "alloc:", "dealloc:", "grow:", "shrink:")):
            counts = (line.strip("│ ").split(":")[0], [])
        elif counts and key in found:
            value = next((cell for cell in cells if cell), "")
            counts[1].append(value)
            if len(counts[1]) <= 2:
                found[key][counts[0] + ("" if len(counts[1]) == 1 else " bytes")] = value
    return found


PYTHON_PROGRAM = """
import sys, json, time, yaml
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
document = yaml.safe_load(open(sys.argv[1]))
document.pop("servers")
contract = OpenAPI.from_dict(document)
request = MockRequest("http://localhost", "post", "/residenze/ricerca")
for body in json.load(sys.stdin):
    headers = {"Cache-Control": "no-store", "X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1"}
    response = MockResponse(data=body.encode(), status_code=200, headers=headers, content_type="application/json")
    least, read = 1e9, 1e9
    for _ in range(30):
        begin = time.perf_counter()
        for _ in range(10):
            contract.validate_response(request, response)
        least = min(least, (time.perf_counter() - begin) / 10)
        begin = time.perf_counter()
        for _ in range(100):
            json.loads(body)
        read = min(read, (time.perf_counter() - begin) / 100)
    print(json.dumps([least * 1e6, read * 1e6]))
"""

NODE_PROGRAM = """
const path = require("node:path");
const load = require("node:module").createRequire(path.join(process.argv[1], "package.json"));
const { createRequestAjv, createResponseAjv } = load("express-openapi-validator/dist/framework/ajv");
const document = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const ajv = createResponseAjv(document.document, { formats: {}, removeAdditional: false, allErrors: true, strict: false });
const schema = { $ref: "#/components/schemas/RispostaResidenza", components: document.document.components };
const validate = ajv.compile(schema);
for (const body of document.bodies) {
  if (!validate(JSON.parse(body))) throw new Error(JSON.stringify(validate.errors));
  let least = Infinity, read = Infinity;
  for (let round = 0; round < 60; round += 1) {
    let begin = process.hrtime.bigint();
    for (let at = 0; at < 300; at += 1) if (!validate(JSON.parse(body))) throw new Error("not valid");
    least = Math.min(least, Number(process.hrtime.bigint() - begin) / 300);
    begin = process.hrtime.bigint();
    for (let at = 0; at < 300; at += 1) JSON.parse(body);
    read = Math.min(read, Number(process.hrtime.bigint() - begin) / 300);
  }
  console.log(JSON.stringify([least / 1000, read / 1000]));
}
"""


def others(bodies):
    pinned = ["taskset", "-c", PROXY_CPU]
    python = subprocess.run([*pinned, PYTHON, "-c", PYTHON_PROGRAM, str(DOCUMENT)], input=json.dumps(bodies), capture_output=True, text=True, check=True)
    document = subprocess.run([PYTHON, "-c", "import sys,yaml,json; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)", str(DOCUMENT)],
                              capture_output=True, text=True, check=True).stdout
    given = json.dumps({"document": json.loads(document), "bodies": bodies})
    node = subprocess.run([*pinned, "node", "-e", NODE_PROGRAM, str(ROOT / ".work/node")], input=given, capture_output=True, text=True)
    if node.returncode:
        sys.exit(node.stderr)
    read = lambda said: [json.loads(line) for line in said.splitlines()]
    return {"openapi-core": read(python.stdout), "Ajv (express-openapi-validator)": read(node.stdout)}


def main():
    say("cargo bench -p contract: the first time it compiles for some minutes")
    mine, bodies = ours(), [answer(size) for size in SIZES]
    theirs = others(bodies)
    us = lambda value: f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    rows = []
    for at, (size, body) in enumerate(zip(SIZES, bodies)):
        both, read = mine["read_and_check_the_body", size], mine["read_the_body", size]
        rows.append([f"{len(body):,} bytes", "varco", us(read["time"]), us(both["time"]), f"{both['time'] / read['time'] - 1:.2f}", "1"])
        for name, found in theirs.items():
            least, parse = found[at]
            rows.append(["", name, us(parse), us(least), f"{least / parse - 1:.2f}", f"{least / both['time']:,.0f}"])
    compiled = mine["compile_five_mebibytes", None]
    kept = sum(sign * mebibytes(compiled.get(f"{kind} bytes", "0 B")) for kind, sign in [("alloc", 1), ("grow", 1), ("dealloc", -1), ("shrink", -1)])
    allocations = [[f"{len(body):,} bytes", read["alloc"], both["alloc"]] for size, body in zip(SIZES, bodies)
                   for read, both in [(mine["read_the_body", size], mine["read_and_check_the_body", size])]]
    text = "\n".join([
        "# What holding messages against a contract costs", "",
        f"{datetime.date.today()}, {os.cpu_count()} CPUs ({platform.machine()}), microseconds, the least of the rounds; `tests/bench/validators.py`.", "",
        "One answer of the registry (`specs/anagrafe/openapi.yaml`): patterns, bounds, enumerations, formats.", "",
        table(["answer", "validator", "reading JSON", "reading and checking", "the check in readings", "times ours"], rows), "",
        "Allocations of one answer: none of them for a value that is valid.", "",
        table(["answer", "reading", "reading and checking"], allocations), "",
        f"A document of 5 MiB is compiled in {compiled['time'] / 1e6:.2f} s, with {mebibytes(compiled['max alloc bytes']):.0f} MiB at the most, of which {kept:.0f} are kept; an operation among its thousands is found in "
        f"{mine['route_among_thousands', None]['time'] * 1000:.0f} ns, and one with its path parameter checked in {mine['route_and_check_parameters', None]['time'] * 1000:.0f} ns.", "",
    ])
    (HERE / "CONTRACT.md").write_text(text)
    print(text)


main()
