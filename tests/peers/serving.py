"""What starting somebody else's server on a free port takes, and ending it."""

import argparse
import signal
import socket
import sys
import threading
import time
from pathlib import Path


def options(description):
    """The options that every peer takes; its own may be added."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--folder", type=lambda text: Path(text).resolve(), help="where its files are")
    parser.add_argument("--log", type=lambda text: Path(text).resolve(), required=True)
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    return parser


def free_ports(count):
    """Ports that were free a moment ago; held together, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def serves(port, process):
    """Whether the process serves there, as soon as that can be told."""
    for _ in range(500):
        if process.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False


def start_on(start, count, ports=None):
    """Starts a server on so many free ports, or on these: the process and its ports; (None, ports) if it never serves.

    Somebody else may take a port between our look and the server's bind: then it ends at once, and others are tried."""
    for _ in range(5):
        taken = ports or free_ports(count)
        process = start(taken)
        if serves(taken[0], process):
            return process, taken
        process.kill()
        process.wait()
    return None, taken


def until_ended(process, ports, until_eof):
    """Says that it is ready, and ends the process on SIGTERM, SIGINT or, if asked to, when standard input does."""
    # Unwinds whatever the main thread waits in, so that the process is ended in one place.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    try:
        print("ready", *ports, flush=True)
        if until_eof:
            sys.stdin.read()
        else:
            process.wait()
    finally:
        process.terminate()
        process.wait()


def serve(server, until_eof):
    """The same of a server of Python's own."""
    print("ready", server.server_address[1], flush=True)
    if until_eof:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
    else:
        server.serve_forever()
