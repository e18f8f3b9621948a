#!/usr/bin/env python3
"""Starts HAProxy before a gateway, and ends it.

    run.py --folder F --balanced PORT --proxied PORT --log haproxy.log [--until-eof]

Prints `ready V1 V2 WEB` once it serves: a port whose connections it hands on with a PROXY header of version 1 to the gateway's port
`balanced`, one with version 2, and one that speaks TLS with `server.pem` of the folder, asks for client certificates of `ca.pem`, and
hands requests on to the port `proxied` with the certificate in `Client-Cert` (RFC 9440) and X-Forwarded-*. Ends, and HAProxy with it, on
SIGTERM or, if asked to, when standard input does.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from serving import options, start_on, until_ended  # noqa: E402 - it stands beside this folder

CONFIGURATION = """
global
    maxconn 200
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen v1
    bind 127.0.0.1:{v1}
    server gateway 127.0.0.1:{balanced} send-proxy
listen v2
    bind 127.0.0.1:{v2}
    server gateway 127.0.0.1:{balanced} send-proxy-v2
frontend web
    mode http
    bind 127.0.0.1:{web} ssl crt {folder}/haproxy.pem ca-file {folder}/ca.pem verify optional
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request del-header Client-Cert
    http-request set-header Client-Cert :%[ssl_c_der,base64]: if {{ ssl_c_used }}
    default_backend gateway
backend gateway
    mode http
    server gateway 127.0.0.1:{proxied}
"""


def main():
    parser = options(__doc__)
    parser.add_argument("--balanced", type=int, required=True)
    parser.add_argument("--proxied", type=int, required=True)
    given = parser.parse_args()
    folder = given.folder
    (folder / "haproxy.pem").write_text((folder / "server.pem").read_text() + (folder / "server.key").read_text())

    def start(ports):
        v1, v2, web = ports
        configuration = folder / "haproxy.cfg"
        configuration.write_text(CONFIGURATION.format(
            v1=v1, v2=v2, web=web, folder=folder, balanced=given.balanced, proxied=given.proxied))
        with open(given.log, "ab") as log:
            # Debian puts it where not every user looks.
            return subprocess.Popen(["haproxy", "-db", "-f", str(configuration)], stdout=log, stderr=log, env={"PATH": "/usr/sbin:/usr/bin:/bin"})

    process, ports = start_on(start, 3)
    if process is None:
        sys.exit("HAProxy did not start:\n" + given.log.read_text())
    until_ended(process, ports, given.until_eof)


if __name__ == "__main__":
    main()
