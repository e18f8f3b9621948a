"""What was measured, as the tables that people read."""

import datetime
import os
import platform
import statistics
from pathlib import Path

from place import CONNECTIONS, CROWD, FIXED_RATE, LOAD_CPU, PROXY_CPU


def spread(values, form="{:.2f}"):
    median = statistics.median(values)
    return f"{form.format(median)} ({form.format(min(values))}-{form.format(max(values))})"


def ratios(mine, theirs):
    return [a.per_cpu_second / b.per_cpu_second for a, b in zip(mine, theirs)]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def report(bench, startups, closed, fixed, memory, commits, load_before):
    idle, peaks, crowd_peaks = memory
    first = next(iter(bench.peers))
    names, others = list(bench.peers), [name for name in bench.peers if name != first]
    parts = ["# What the benchmark measured", "", facts(bench, load_before), ""]

    rows = []
    for scenario in bench.scenarios:
        runs = closed[scenario.name]
        if first in runs:
            rows.append([scenario.title, *(spread(ratios(runs[first], runs[name])) if name in runs else "" for name in others)])
    parts += [f"## Requests per CPU-second: {first} against each peer", "",
              "Median of the ratios within a round, with the smallest and largest. Above 1: less CPU a request than the peer."
              + (" `many` is the gateway itself for 300 administrations with five e-services each: 1,500 instances." if "many" in names else "")
              + (" `bare` is hyper with its connections kept and nothing else, a plain release: about what no gateway on hyper is cheaper than."
                 if "bare" in names else ""), "",
              table(["scenario", *others], rows), ""]
    if {"soap", "get"} <= closed.keys() and first in closed["soap"]:
        parts += [f"REST to SOAP and back against {first}'s own GET: {spread(ratios(closed['soap'][first], closed['get'][first]))}.", ""]

    if {"checked", "post"} <= closed.keys() and first in closed["checked"]:
        against = spread(ratios(closed["checked"][first], closed["post"][first]))
        parts += [f"POST with both bodies read and held against their schemas, against {first}'s own POST without: {against}.", ""]

    rows = [[scenario.title, *(cell(closed[scenario.name].get(name)) for name in names)] for scenario in bench.scenarios]
    parts += ["## The figures behind the ratios", "",
              "Requests per CPU-second, median; in brackets how busy the proxy kept its core. Not to be compared between days.", "",
              table(["scenario", *names], rows), ""]

    rows = [[scenario.title, *(latency(fixed[scenario.name].get(name)) for name in names)] for scenario in bench.scenarios
            if scenario.name in fixed]
    parts += [f"## Latency at {FIXED_RATE:,} requests a second, p50 / p99 in microseconds", "",
              "Median over rounds, counted from when a request was due. Load and upstream share a core, so p99 holds scheduling noise.", "",
              table(["scenario", *names], rows), ""]

    parts += ["## Start and memory", "", table(
        ["", *names],
        [["ms from start to first right answer", *(spread(startups[name], "{:.0f}") for name in names)],
         ["MiB resident when started", *(f"{idle[name]:.1f}" for name in names)],
         [f"MiB resident at the peak, after all scenarios with {CONNECTIONS} connections", *(f"{peaks[name]:.1f}" for name in names)],
         [f"the same, after the one with {CROWD} too", *(f"{crowd_peaks[name]:.1f}" for name in names)]]), ""]

    if commits:
        parts += ["## Durable audit records", "",
                  f"One fdatasync a record: {commits['single_fdatasync_per_s']:,.0f}/s. "
                  "Group commit: " + ", ".join(f"{one['per_s']:,.0f}/s with {one['exchanges']} exchanges at once ({one['ratio']:.0f} times)"
                                               for one in commits["group_commit"]) + ".", ""]
    parts += ["## Floors", "", table(["floor", "measured", ""], floors(bench, startups, closed, peaks, commits)), ""]
    return "\n".join(parts)


def cell(runs):
    if not runs:
        return ""
    return f"{statistics.median(run.per_cpu_second for run in runs):,.0f} [{statistics.median(run.busy for run in runs):.0%}]"


def latency(runs):
    if not runs:
        return ""
    return f"{statistics.median(run.p50 for run in runs):,.0f} / {statistics.median(run.p99 for run in runs):,.0f}"


def floors(bench, startups, closed, peaks, commits):
    """What is asked of the gateway, each against its figure; a figure that was not measured says so."""
    rows = []

    def floor(text, value, holds, form="{:.2f}"):
        if value is None:
            rows.append([text, "not measured", ""])
        else:
            rows.append([text, form.format(value), "holds" if holds(value) else "BELOW"])

    def ratio(scenario, other):
        runs = closed.get(scenario, {})
        return statistics.median(ratios(runs["varco"], runs[other])) if {"varco", other} <= runs.keys() else None

    for scenario in ("get", "post"):
        floor(f"{scenario.upper()} against nginx at least 0.75", ratio(scenario, "nginx"), lambda value: value >= 0.75)
        floor(f"{scenario.upper()} against Envoy at least 2.0", ratio(scenario, "envoy"), lambda value: value >= 2.0)
    floor(f"GET with {CROWD} connections against nginx at least 0.75", ratio("crowd", "nginx"), lambda value: value >= 0.75)
    floor(f"GET with {CROWD} connections against Envoy at least 2.0", ratio("crowd", "envoy"), lambda value: value >= 2.0)
    floor("full chain against Envoy's jwt_authn at least 1.5", ratio("chain", "envoy"), lambda value: value >= 1.5)
    for one in commits["group_commit"] if commits else [None]:
        among = f" with {one['exchanges']} exchanges at once" if one else ""
        floor(f"group commit{among} at least 20 times one fdatasync a record", one and one["ratio"], lambda value: value >= 20, "{:.0f}")
    floor("a request among 1,500 instances at most 1.1 times one among a single one", ratio("chain", "many"), lambda value: value <= 1.1)
    memory = peaks["varco"] / peaks["envoy"] if {"varco", "envoy"} <= peaks.keys() else None
    floor("resident memory at most half of Envoy's", memory, lambda value: value <= 0.5)
    start = statistics.median(startups["varco"]) if "varco" in startups else None
    floor("first answer at most 100 ms after start", start, lambda value: value <= 100, "{:.0f} ms")
    return rows


def facts(bench, load_before):
    processor = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024 / 1024
    versions = ", ".join(f"{name} {peer.version()}" for name, peer in bench.peers.items())
    given = bench.given
    noise = ""
    if load_before > 0.5:
        noise = f" **Other work was running: the load average was {load_before:.1f} at the start. Do not quote these figures.**"
    machine = f"{processor}, {os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.system()} {platform.release()}"
    built = "laid out by a profile of this same traffic (`deploy/release.sh`)" if "/profiled/" in str(given.varco) else "a plain release"
    return f"""{datetime.date.today()}; {machine}; {versions}. The gateway is {built}, the others are as they were packaged.

Proxy on CPU {PROXY_CPU} with one worker, load and upstream on CPU {LOAD_CPU}, loopback, {CONNECTIONS} connections where nothing else is said,
{given.rounds} rounds of {given.seconds:g} s, every body checked. The same peer drifts by a fifth and more from minute to minute on a shared machine: only ratios
within a round are worth comparing, and differences under about 15 % are not resolved.{noise}"""
