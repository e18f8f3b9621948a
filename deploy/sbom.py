#!/usr/bin/env python3
"""What the binary is made of, as CycloneDX 1.5 in JSON: each crate that a release build takes, with its version, licence, the checksum
that Cargo.lock holds it to, and what it depends on. The same sources give the same bytes.

    sbom.py [FILE]      prints it, or writes it to FILE
"""

import json
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TOP = "cli"


def cargo(*arguments):
    run = subprocess.run(["cargo", *arguments], cwd=ROOT, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"cargo {arguments[0]} failed:\n{run.stderr}")
    return run.stdout


def main():
    host = next(line.split(": ")[1] for line in subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout.splitlines()
                if line.startswith("host"))
    metadata = json.loads(cargo("metadata", "--format-version", "1", "--locked", "--filter-platform", host))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in lock["package"]}
    packages = {package["id"]: package for package in metadata["packages"]}
    # What is built: not what tests need, nor what only builds need, which does not end up in the binary.
    edges = {node["id"]: [dep["pkg"] for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
             for node in metadata["resolve"]["nodes"]}
    top = next(id for id, package in packages.items() if package["name"] == TOP and package["source"] is None)
    built, waiting = set(), [top]
    while waiting:
        id = waiting.pop()
        if id not in built:
            built.add(id)
            waiting += edges[id]

    def reference(id):
        return f"pkg:cargo/{packages[id]['name']}@{packages[id]['version']}"

    def component(id):
        package = packages[id]
        found = {"type": "library", "bom-ref": reference(id), "name": package["name"], "version": package["version"],
                 "purl": reference(id)}
        if package.get("license"):
            # `MIT/Apache-2.0` is the old spelling of OR.
            found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
        if checksum := checksums.get((package["name"], package["version"])):
            found["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        if package.get("repository"):
            found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
        return found

    order = sorted(built, key=reference)
    own = packages[top]
    lock_name = uuid.uuid5(uuid.NAMESPACE_OID, (ROOT / "Cargo.lock").read_text())
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{lock_name}", "version": 1,
        "metadata": {"component": {**component(top), "type": "application", "name": "varco", "version": own["version"]}},
        "components": [component(id) for id in order if id != top],
        "dependencies": [{"ref": reference(id), "dependsOn": sorted({reference(on) for on in edges[id] if on in built})} for id in order],
    }
    text = json.dumps(bom, indent=2, ensure_ascii=False) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
