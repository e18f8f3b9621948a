#!/usr/bin/env python3
"""Runs `cargo test` with the arguments given and ends with one line for all its binaries: N passed, N failed, N skipped.

cargo prints one result a binary and ends on the documentation tests of whichever crate comes last, often none. Whoever reads
the end of a log should see what the whole run did; and a run that executed nothing must not look like a success.
"""

import re
import subprocess
import sys

RESULT = re.compile(r"^test result: \S+ (\d+) passed; (\d+) failed; (\d+) ignored;")


def main():
    command = ["cargo", "test", *sys.argv[1:]]
    print("$", *command, flush=True)
    passed = failed = skipped = 0
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    for line in run.stdout:
        print(line, end="", flush=True)
        if result := RESULT.match(line):
            counts = [int(group) for group in result.groups()]
            passed, failed, skipped = passed + counts[0], failed + counts[1], skipped + counts[2]
    status = run.wait()
    print(f"\n{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    if passed == 0 and status == 0:
        sys.exit("no test was executed")
    sys.exit(status)


if __name__ == "__main__":
    main()
