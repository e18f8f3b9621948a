#!/usr/bin/env python3
"""Measures the gateway beside nginx, HAProxy and Envoy on one machine, in rounds that alternate them; `make bench` runs it.

The proxy is alone on CPU 0, the load and the upstream share CPU 1. The figure that counts is requests per CPU-second of the
proxy's whole process tree, and between peers only the ratio within one round: a machine drifts from minute to minute, and
two neighbours in time drift together. Every answer's status and body is checked; one wrong answer fails the run.

    bench.py [--rounds 6] [--seconds 2] [--peers varco,nginx,haproxy,envoy] [--scenarios …] [--traffic BIN] [--varco BIN]

Writes RESULTS.md beside this file, and the same to the terminal.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from peers import Bare, Envoy, Haproxy, Many, Nginx, Varco
from place import FIXED_RATE, HERE, LOAD_CPU, ROOT, WORK, say
from report import report
from scenarios import ask, envelope, item, scenarios, voucher


class Run:
    """One peer asked one scenario for some seconds."""

    def __init__(self, answered, seconds, cpu, p50, p99):
        self.answered, self.seconds, self.cpu, self.p50, self.p99 = answered, seconds, cpu, p50, p99

    @property
    def per_cpu_second(self):
        return self.answered / self.cpu

    @property
    def busy(self):
        return self.cpu / self.seconds


class Bench:
    def __init__(self, given):
        self.given = given
        self.traffic, self.upstream = given.traffic, None
        self.scenarios = [one for one in scenarios() if not given.scenarios or one.name in given.scenarios]
        self.peers = {}

    def prepare(self):
        WORK.mkdir(parents=True, exist_ok=True)
        certificates()
        self.token = voucher()
        (WORK / "item.json").write_bytes(item())
        (WORK / "persona.xml").write_text(envelope())
        routes = [f"/soap,text/xml; charset=utf-8,{WORK}/persona.xml", f"/,application/json,{WORK}/item.json"]
        self.upstream = subprocess.Popen(["taskset", "-c", LOAD_CPU, self.traffic, "upstream", *routes], stdout=subprocess.PIPE, text=True)
        port = int(self.upstream.stdout.readline().split()[1])
        known = {"varco": lambda: Varco(self.given.varco), "many": lambda: Many(self.given.varco), "nginx": Nginx, "haproxy": Haproxy, "envoy": Envoy,
                 "bare": lambda: Bare(Path(self.traffic).with_name("bare"))}
        for name in self.given.peers:
            self.peers[name] = known[name]()
            self.peers[name].prepare(port)

    def startups(self):
        """Milliseconds from start to first right answer, the peers in turn."""
        times = {name: [] for name in self.peers}
        for _ in range(self.given.rounds):
            for name, peer in self.peers.items():
                times[name].append(peer.start())
                peer.stop()
        return times

    def start_all(self):
        for peer in self.peers.values():
            peer.start()

    def stop_all(self):
        for peer in self.peers.values():
            peer.stop()
        if self.upstream:
            self.upstream.terminate()
            self.upstream.wait()

    def peaks(self):
        """The most that each peer held so far."""
        return {name: peer.mib("VmHWM") for name, peer in self.peers.items()}

    def files(self, scenario, peer):
        """The request as it goes over the wire, and the answer's bytes, whose meaning is checked here once."""
        request, expected = WORK / f"{scenario.name}.request", WORK / f"{scenario.name}.{peer.name}.expected"
        request.write_bytes(scenario.wire(self.token))
        status, body = ask(peer.port[scenario.port], scenario, self.token)
        if status != 200 or json.loads(body) != scenario.expected:
            sys.exit(f"{peer.name} answers {scenario.name} with {status} and {body[:400]!r}")
        expected.write_bytes(body)
        return request, expected

    def run(self, scenario, peer, seconds, rate=None):
        request, expected = self.files(scenario, peer)
        command = ["taskset", "-c", LOAD_CPU, self.traffic, "load", "--port", str(peer.port[scenario.port]),
                   "--connections", str(scenario.connections), "--request", str(request), "--expect", str(expected)]
        if scenario.port == "tls":
            command += ["--tls-root", str(WORK / "ca.pem")]
        if rate:
            command += ["--rate", str(rate)]
        # Connections, caches and pools are there before the clock starts.
        subprocess.run([*command, "--seconds", "0.3"], check=True, capture_output=True)
        before = peer.cpu_seconds()
        output = subprocess.run([*command, "--seconds", str(seconds)], check=True, capture_output=True, text=True).stdout
        used = peer.cpu_seconds() - before
        result = json.loads(output)
        if result["bad"] or not result["answered"]:
            sys.exit(f"{peer.name} answered {scenario.name} wrongly: {result['bad']}")
        return Run(result["answered"], result["seconds"], used, result["p50_us"], result["p99_us"])

    def rounds(self, scenario, count, rate=None):
        """One list of runs a peer; the order turns from round to round, so that nobody always comes first."""
        asked = [self.peers[name] for name in scenario.peers if name in self.peers]
        runs = {peer.name: [] for peer in asked}
        for number in range(count):
            for place in range(len(asked)):
                peer = asked[(number + place) % len(asked)]
                runs[peer.name].append(self.run(scenario, peer, self.given.seconds, rate))
            say(f"  {scenario.name}{' at a fixed rate' if rate else ''}, round {number + 1} of {count}")
        return runs


def audit():
    """What the committer reaches against one fdatasync a record, on this file system."""
    command = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "store", "--example", "commit_bench"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if run.returncode != 0:
        say(f"audit: not measured: {run.stderr.strip().splitlines()[-1:] or run.returncode}")
        return None
    return json.loads(run.stdout)


def certificates():
    if (WORK / "server.pem").exists() and (WORK / "server.pem").stat().st_mtime > time.time() - 86400:
        return
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    (WORK / "server.ext").write_text("basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
                                     "extendedKeyUsage=serverAuth\n")
    for arguments in (
        ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "7", "-subj", "/CN=bench authority",
         "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        ["req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "7",
         "-extfile", "server.ext", "-out", "server.pem"],
    ):
        subprocess.run(["openssl", *arguments], cwd=WORK, check=True, capture_output=True)


def built(given):
    """Builds what was not given by path."""
    if not given.traffic:
        say("building in release")
        subprocess.run(["cargo", "build", "--release", "--locked", "-p", "tests", "--example", "traffic", "--example", "bare"], cwd=ROOT, check=True)
        command = ["cargo", "metadata", "--format-version", "1", "--no-deps", "--locked"]
        metadata = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        release = Path(json.loads(metadata.stdout)["target_directory"]) / "release"
        given.traffic = given.traffic or str(release / "examples" / "traffic")
    if "varco" in given.peers and not given.varco:
        command = [str(ROOT / "deploy/release.sh"), *(["--plain"] if given.plain else [])]
        given.varco = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def arguments():
    listed = lambda text: text.split(",")
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--seconds", type=float, default=2.0)
    options.add_argument("--peers", type=listed, default=["varco", "many", "nginx", "haproxy", "envoy", "bare"])
    options.add_argument("--scenarios", type=listed)
    options.add_argument("--traffic", help="the example `traffic`, built already")
    options.add_argument("--varco", help="the gateway, built already")
    options.add_argument("--plain", action="store_true", help="build the gateway without a profile: six minutes instead of twenty-five")
    options.add_argument("--no-audit", action="store_true", help="leave the committer out")
    options.add_argument("--output", type=Path, default=HERE / "RESULTS.md")
    return options.parse_args()


def main():
    given = arguments()
    if os.cpu_count() < 2:
        sys.exit("two CPUs are needed: one for the proxy, one for load and upstream")
    load_before = os.getloadavg()[0]
    built(given)
    bench = Bench(given)
    try:
        bench.prepare()
        say("starting each peer, in turn")
        startups = bench.startups()
        bench.start_all()
        idle = {name: peer.mib("VmRSS") for name, peer in bench.peers.items()}
        ordinary = [scenario for scenario in bench.scenarios if not scenario.is_crowd]
        closed = {scenario.name: bench.rounds(scenario, given.rounds) for scenario in ordinary}
        fixed = {scenario.name: bench.rounds(scenario, max(1, given.rounds // 2), FIXED_RATE) for scenario in ordinary}
        peaks = bench.peaks()
        closed |= {scenario.name: bench.rounds(scenario, given.rounds) for scenario in bench.scenarios if scenario.is_crowd}
        memory = idle, peaks, bench.peaks()
    finally:
        bench.stop_all()
    commits = None if given.no_audit else audit()
    text = report(bench, startups, closed, fixed, memory, commits, load_before)
    given.output.write_text(text)
    say("\n" + text)


if __name__ == "__main__":
    main()
