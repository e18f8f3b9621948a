#!/usr/bin/env bash
# Builds the gateway as it is meant to run: in release, laid out by a profile of its own exchanges, which takes about a quarter
# of a pass-through's instructions away. First a binary that counts, then the benchmark's traffic through it, then the
# binary that is wanted. Prints its path. Takes some twenty-five minutes; a second run with nothing changed takes a second.
#
#   release.sh            with the profile, where a matching llvm-profdata is at hand; else without, and says so
#   release.sh --plain    without
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "release: $*" >&2; }

plain() {
    CARGO_TARGET_DIR="$PWD/target" cargo build --release --locked --package cli >&2
    echo "$PWD/target/release/varco"
    exit 0
}
case "${1:-}" in
    "") ;;
    --plain) plain ;;
    *) echo "usage: release.sh [--plain]" >&2; exit 2 ;;
esac

host="$(rustc -vV | sed -n 's/^host: //p')"
llvm="$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')"
profdata="$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata"
# Only the LLVM that wrote a profile reads it: rustup's component llvm-tools, or the distribution's of the same version.
[ -x "$profdata" ] || profdata="$(command -v "llvm-profdata-$llvm" || true)"
if [ -z "$profdata" ]; then
    say "no llvm-profdata of LLVM $llvm (rustup component add llvm-tools, or Debian's llvm-$llvm): built without a profile"
    plain
fi

for needed in .work/venv/bin/python "$(command -v taskset)" "$(command -v openssl)"; do
    [ -x "$needed" ] || { say "the benchmark's traffic needs what \`make release\` installs: built without a profile"; plain; }
done
taskset -c 0,1 true 2>/dev/null || { say "the benchmark's traffic needs CPUs 0 and 1: built without a profile"; plain; }

work="$PWD/target/profiled"
# A profile is of one state of the sources; under its name cargo sees that there is a new one.
sources="$({ rustc -vV; find Cargo.toml Cargo.lock gateway adapters tests/bench -type f -not -name '*.md' -not -name '*.pyc' \
    | sort | xargs cat; } | sha256sum | cut -c 1-16)"
profile="$work/$sources.profdata"
# With a target named, build scripts and macros are left alone. Encoded, a flag may hold a path with blanks.
build() { CARGO_TARGET_DIR="$work" CARGO_ENCODED_RUSTFLAGS="$1" cargo build --release --locked --package cli --target "$host" >&2; }
binary="$work/$host/release/varco"

if [ ! -e "$profile" ]; then
    rm -rf "$work"
    say "building the binary that counts"
    build "-Cprofile-generate=$work/counts"
    say "sending the benchmark's traffic through it"
    rm -rf "$work/counts"
    python3 tests/bench/bench.py --peers varco --rounds 2 --seconds 2 --no-audit --varco "$binary" --output "$work/training.md" >&2
    "$profdata" merge --output "$profile.new" "$work/counts"
    mv "$profile.new" "$profile"
fi
# Whatever ran, at start or under load, stands together, what ran most first. Elsewhere a function that runs once would bring the
# sixty-four kilobytes around it into memory, and there are hundreds of them.
order="$profile.order"
"$profdata" show --all-functions --counts "$profile" | awk '
    /^  [^ ].*:$/ { name = $1; sub(/:$/, "", name); sub(/^.*;/, "", name) }
    /^    Block counts: / {
        gsub(/[^0-9 ]/, ""); most = 0
        for (at = 1; at <= NF; at++) if ($at + 0 > most) most = $at + 0
        if (most > 0) printf "%.0f %s\n", most, name
    }' | sort --stable -k1,1nr | cut -d " " -f 2 > "$order"
[ -s "$order" ] || { say "the profile names no function that ran"; exit 1; }

say "building the binary that is wanted"
flags="-Cprofile-use=$profile"
lld="$(rustc --print sysroot)/lib/rustlib/$host/bin/gcc-ld"
if [ -x "$lld/ld.lld" ]; then
    for flag in "-B$lld" -fuse-ld=lld "-Wl,--symbol-ordering-file=$order" -Wl,--no-warn-symbol-ordering; do
        flags+=$'\x1f'"-Clink-arg=$flag"
    done
else
    say "this rustc comes without lld: functions stay where they are, and more of them in memory"
fi
build "$flags"
echo "$binary"
