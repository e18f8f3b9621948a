#!/usr/bin/env python3
"""Starts tinyproxy on a free port, with a user and a password, and ends it.

    run.py --folder F --log proxy.log [--until-eof]

Prints `ready PORT` once it serves. Its user is `varco`, the password `segreta`. Ends on SIGTERM or, if asked to, when standard input
does.
"""

import argparse
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

CONFIGURATION = """Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 20
LogFile "{log}"
LogLevel Connect
BasicAuth varco segreta
"""


def serves(port, process):
    for _ in range(500):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--until-eof", action="store_true")
    given = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = given.folder / "tinyproxy.conf"
    configuration.write_text(CONFIGURATION.format(port=port, log=given.log.absolute()))
    process = subprocess.Popen(["tinyproxy", "-d", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        if not serves(port, process):
            sys.exit("tinyproxy did not start")
        print("ready", port, flush=True)
        if given.until_eof:
            sys.stdin.read()
        else:
            process.wait()
    finally:
        process.terminate()
        process.wait()


main()
