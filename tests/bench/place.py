"""Where the benchmark works, and the small things that its parts share."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "peers"))
from serving import free_ports  # noqa: E402, F401 - the tests' peers stand there

WORK = ROOT / ".work" / "bench"
PYTHON = ROOT / ".work" / "venv" / "bin" / "python"
PROXY_CPU, LOAD_CPU = "0", "1"
CONNECTIONS, CROWD, FIXED_RATE = 64, 256, 5000


def say(text):
    print(text, flush=True)


def words(command):
    run = subprocess.run(command, capture_output=True, text=True)
    return (run.stdout + run.stderr).strip().splitlines()[0]


def tail(path):
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:])


def program(name):
    found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
    return found or sys.exit(f"{name} is not installed: tests/setup/install.sh --bench")
