#!/usr/bin/env python3
"""Starts rsyslog as a collector of syslog over TLS, and ends it.

    run.py --folder F --log rsyslog.log [--port P] [--until-eof]

Its certificate and key (`server.pem`, `server.key`), and the authority that callers' certificates are of (`ca.pem`), are in the folder.
Prints `ready PORT` once it serves. Writes what `varco` sends into the log, a line a message: priority, time, host, kind and text. Ends,
and rsyslog with it, on SIGTERM or, if asked to, when standard input does.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from serving import options, start_on, until_ended  # noqa: E402 - it stands beside this folder

CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="{folder}/ca.pem"
       defaultNetstreamDriverCertFile="{folder}/server.pem" defaultNetstreamDriverKeyFile="{folder}/server.key")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="whole" type="string" string="%pri% %timereported:::date-rfc3339% %hostname% %msgid% %msg%\\n")
if $app-name == "varco" then action(type="omfile" file="{log}" template="whole" flushOnTXEnd="on")
"""


def main():
    parser = options(__doc__)
    parser.add_argument("--port", type=int)
    given = parser.parse_args()

    def start(ports):
        configuration = given.folder / "rsyslog.conf"
        configuration.write_text(CONFIGURATION.format(port=ports[0], folder=given.folder, log=given.log))
        command = ["rsyslogd", "-n", "-f", str(configuration), "-i", str(given.folder / "rsyslog.pid")]
        with open(given.folder / "rsyslog.err", "ab") as said:
            # Debian puts it where not every user looks.
            return subprocess.Popen(command, stdout=said, stderr=said, env={"PATH": "/usr/sbin:/usr/bin:/bin"})

    process, ports = start_on(start, 1, [given.port] if given.port else None)
    if process is None:
        sys.exit("rsyslog did not start:\n" + (given.folder / "rsyslog.err").read_text())
    until_ended(process, ports, given.until_eof)


if __name__ == "__main__":
    main()
