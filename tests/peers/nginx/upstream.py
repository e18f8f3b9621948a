#!/usr/bin/env python3
"""Starts nginx as a REST department on free ports, in a folder of its own, and ends it.

    upstream.py --folder F --log calls.log [--ports HTTP TLS MTLS] [--until-eof]

Prints `ready HTTP TLS MTLS` once it serves: plain, TLS (HTTP/1.1 and h2), and TLS that insists on a client certificate. The
folder then holds `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`, made with openssl unless they are there.
Ends, and nginx with it, on SIGTERM or, if asked to, when standard input does.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from serving import options, start_on, until_ended  # noqa: E402 - it stands beside this folder

FIXED = '{"id":"A1","nome":"Ufficio tributi","attivo":true}'


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def certificates(folder):
    """A test authority, a certificate for this machine and one for a client."""
    if (folder / "ca.pem").exists():
        return
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"), "-days", "30",
            "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    for name, extensions in {
        "server": "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
        "client": "extendedKeyUsage=clientAuth\n",
    }.items():
        openssl("req", *key, "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.csr"), "-subj", f"/CN=test {name}")
        (folder / f"{name}.ext").write_text("basicConstraints=critical,CA:FALSE\n" + extensions)
        openssl("x509", "-req", "-in", str(folder / f"{name}.csr"), "-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"),
                "-CAcreateserial", "-days", "30", "-extfile", str(folder / f"{name}.ext"), "-out", str(folder / f"{name}.pem"))


def documents(folder):
    www = folder / "www"
    www.mkdir(exist_ok=True)
    (www / "fisso.json").write_text(FIXED)
    (www / "lento.json").write_text(json.dumps({"id": "A1", "nome": "x" * 40960, "attivo": True}))
    (www / "grande.json").write_text(json.dumps(["y" * 1022] * 8192))


def start(folder, log, ports):
    values = {"FOLDER": folder, "LOG": log, "HTTP": ports[0], "TLS": ports[1], "MTLS": ports[2]}
    text = (HERE / "nginx.conf.in").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (folder / "tmp").mkdir(exist_ok=True)
    (folder / "nginx.conf").write_text(text)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")],
                            stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    parser = options(__doc__)
    parser.add_argument("--ports", type=int, nargs=3)
    given = parser.parse_args()

    given.folder.mkdir(parents=True, exist_ok=True)
    certificates(given.folder)
    documents(given.folder)
    process, ports = start_on(lambda ports: start(given.folder, given.log, ports), 3, given.ports)
    if process is None:
        sys.exit((given.folder / "error.log").read_text())
    until_ended(process, ports, given.until_eof)


if __name__ == "__main__":
    main()
