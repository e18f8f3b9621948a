#!/usr/bin/env python3
"""Holds the dependency graph against deny.toml: licences, bans and sources.

`cargo metadata` says what the lock file may bring in and under which licence; `cargo tree` says what a build on any
platform really takes, because the lock also names crates that only a feature nobody switches on would need. A licence
counts for the second list, a source for the first.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def cargo(*arguments):
    run = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"cargo {arguments[0]} failed:\n{run.stderr}")
    return run.stdout


def satisfied(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences alone."""
    # `MIT/Apache-2.0` is the old spelling of OR.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            # Not `value or both()`: the right side must be consumed all the same.
            right = both()
            value = value or right
        return value

    def both():
        value = single()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            right = single()
            value = value and right
        return value

    def single():
        token = tokens.pop(0)
        if token == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            tokens.pop(0)
            token = f"{token} WITH {tokens.pop(0)}"
        return token in allowed

    value = either()
    return value and not tokens


def built():
    """(name, version) of every crate that a build, its build scripts or its tests take on any platform."""
    lines = cargo("tree", "--workspace", "--locked", "--target", "all", "--edges", "normal,build,dev",
                  "--prefix", "none", "--format", "{p}").splitlines()
    crates = set()
    for line in lines:
        parts = line.split()
        if len(parts) >= 2:
            crates.add((parts[0], parts[1].removeprefix("v")))
    return crates


def check(rules, packages, taken):
    faults = []
    allowed = set(rules["licenses"]["allow"])
    banned = {ban["crate"]: ban["reason"] for ban in rules["bans"]["deny"]}
    for package in packages:
        name, version = package["name"], package["version"]
        if package["source"] not in (None, CRATES_IO):
            faults.append(f"{name} {version}: comes from {package['source']}")
        if (name, version) not in taken:
            continue
        if name in banned:
            faults.append(f"{name} {version}: banned, {banned[name]}")
        if not package["license"]:
            faults.append(f"{name} {version}: names no licence")
        elif not satisfied(package["license"], allowed):
            faults.append(f"{name} {version}: {package['license']} is not allowed")
    return faults


def self_test():
    """A check that cannot fail is no check: each rule is seen to refuse once."""
    allowed = {"MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"}
    table = {
        "MIT": True,
        "GPL-3.0": False,
        "MIT/GPL-3.0": True,
        "MIT AND GPL-3.0": False,
        "GPL-3.0 OR (MIT AND ISC)": True,
        "(GPL-3.0 OR MIT) AND GPL-3.0": False,
        "Apache-2.0 WITH LLVM-exception": True,
        "Apache-2.0 WITH Classpath-exception-2.0": False,
    }
    for expression, expected in table.items():
        assert satisfied(expression, allowed) is expected, expression
    rules = {"licenses": {"allow": ["MIT"]}, "bans": {"deny": [{"crate": "bad", "reason": "no"}]}}
    packages = [
        {"name": "bad", "version": "1", "license": "MIT", "source": CRATES_IO},
        {"name": "git", "version": "1", "license": "MIT", "source": "git+https://example.org/x"},
        {"name": "gpl", "version": "1", "license": "GPL-3.0", "source": CRATES_IO},
        {"name": "bare", "version": "1", "license": None, "source": CRATES_IO},
        {"name": "idle", "version": "1", "license": "GPL-3.0", "source": CRATES_IO},
        {"name": "good", "version": "1", "license": "MIT", "source": CRATES_IO},
    ]
    taken = {(package["name"], "1") for package in packages if package["name"] != "idle"}
    assert len(check(rules, packages, taken)) == 4, check(rules, packages, taken)


def main():
    self_test()
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    packages = json.loads(cargo("metadata", "--format-version", "1", "--locked"))["packages"]
    taken = built()
    faults = check(rules, packages, taken)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"licences: {len(faults)} faults in {len(taken)} crates")
    print(f"licences: {len(taken)} crates, none banned, every licence allowed")


if __name__ == "__main__":
    main()
