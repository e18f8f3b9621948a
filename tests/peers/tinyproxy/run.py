#!/usr/bin/env python3
"""Starts tinyproxy on a free port, with a user and a password, and ends it.

    run.py --folder F --log proxy.log [--until-eof]

Prints `ready PORT` once it serves. Its user is `varco`, the password `segreta`. Ends, and tinyproxy with it, on SIGTERM or, if asked
to, when standard input does.
"""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from serving import options, start_on, until_ended  # noqa: E402 - it stands beside this folder

CONFIGURATION = """Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 20
LogFile "{log}"
LogLevel Connect
BasicAuth varco segreta
"""


def main():
    given = options(__doc__).parse_args()

    def start(ports):
        configuration = given.folder / "tinyproxy.conf"
        configuration.write_text(CONFIGURATION.format(port=ports[0], log=given.log))
        return subprocess.Popen(["tinyproxy", "-d", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    process, ports = start_on(start, 1)
    if process is None:
        sys.exit("tinyproxy did not start")
    until_ended(process, ports, given.until_eof)


if __name__ == "__main__":
    main()
