#!/usr/bin/env bash
# Installs what the tests need beside Rust, and nothing that is there already: Debian packages by apt-get, PyPI packages
# into .work/venv, npm packages into .work/node. Run again, it takes a second.
#
#   install.sh --build   only what compiling needs (a C compiler and make, for the cryptographic library and the allocator)
#   install.sh           that, and the software which the end-to-end tests talk to
#   install.sh --bench   that, and the proxies which `make bench` measures beside the gateway
set -euo pipefail
cd "$(dirname "$0")/../.."

what="${1:-tests}"
case "$what" in
    --build|tests|--bench) ;;
    *) echo "usage: install.sh [--build|--bench]" >&2; exit 2 ;;
esac

say() { echo "setup: $*"; }

missing=()
# wants PACKAGE COMMAND…: the package is wanted unless every command is found; /usr/sbin is not on every user's path.
wants() {
    local package="$1" command; shift
    for command in "$@"; do
        if ! PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null; then
            missing+=("$package"); return
        fi
    done
}

command -v cargo >/dev/null || { say "no cargo found: install Rust 1.95 or later first" >&2; exit 1; }
wants gcc cc
wants libc6-dev cc
wants make make
if [ "$what" != --build ]; then
    wants python3 python3
    wants curl curl
    wants openssl openssl
    wants strace strace
    [ -e /usr/lib/*/faketime/libfaketimeMT.so.1 ] || missing+=(libfaketime)
    [ -e /usr/lib/*/libnss_wrapper.so ] || missing+=(libnss-wrapper)
    wants libxml2-utils xmllint
    wants nginx-light nginx
    wants tinyproxy-bin tinyproxy
    wants haproxy haproxy
    wants systemd systemd-analyze
    wants prometheus promtool
    wants rsyslog rsyslogd
    [ -e /usr/lib/*/rsyslog/lmnsd_gtls.so ] || missing+=(rsyslog-gnutls)
    wants openjdk-17-jdk-headless javac java
    wants nodejs node
    wants npm npm
    [ -e /usr/share/java/jaxws-rt.jar ] || missing+=(libjaxws-java)
    # ensurepip is what Debian splits off from Python: without it `python3 -m venv` makes no pip.
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
fi
if [ "$what" = --bench ]; then
    wants util-linux taskset
fi

# Installs Debian packages without letting them start their services: the tests start their own, on free ports.
debian() {
    local as_root=()
    if ! command -v apt-get >/dev/null; then
        say "this is not Debian; please install what provides: $*" >&2; exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || { say "run as root: apt-get install $*" >&2; exit 1; }
        as_root=(sudo)
    fi
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
        ours=yes
    fi
    local status=0
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
    "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "$@" >/dev/null || status=$?
    [ -z "$ours" ] || "${as_root[@]}" rm -f "$policy"
    return "$status"
}

if [ "${#missing[@]}" -gt 0 ]; then
    say "Debian packages: ${missing[*]}"
    debian "${missing[@]}"
fi

# What reads the profile that `deploy/release.sh` lays the binary out by; without it there is a binary all the same.
profiler() {
    local llvm host
    llvm="$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')"
    host="$(rustc -vV | sed -n 's/^host: //p')"
    [ -x "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata" ] && return
    command -v "llvm-profdata-$llvm" >/dev/null && return
    say "Debian package: llvm-$llvm"
    (debian "llvm-$llvm") || say "there is no llvm-$llvm: the release will be built without a profile"
}
[ "$what" != --bench ] || profiler

# python PINS…: a virtual environment that holds exactly what the files of pins name, remade when they change.
python() {
    local venv=.work/venv stamp=.work/venv/installed-from wanted
    wanted="$(cat "$@")"
    if [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi
    # The benchmark's environment holds the tests' as well, so `make test` after `make bench` has nothing to do.
    if [ "$#" = 1 ] && [ -x "$venv/bin/python" ] && [ -f "$stamp" ] && [[ "$(cat "$stamp")" == "$wanted"* ]]; then return; fi
    say "Python packages into $venv"
    mkdir -p .work
    rm -rf "$venv"
    python3 -m venv "$venv"
    local pins=() file
    for file in "$@"; do pins+=(-r "$file"); done
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 5 --no-deps "${pins[@]}"
    # The pins are installed as they stand; this says if one of them lacks something.
    "$venv/bin/python" -m pip check --disable-pip-version-check
    printf '%s' "$wanted" > "$stamp"
}

# A reader of OpenAPI in JavaScript, as its lock file names it and all that it needs, outside the tree of sources.
node_packages() {
    local folder=.work/node from=tests/peers/differential
    if [ -d "$folder/node_modules" ] && cmp -s "$from/package-lock.json" "$folder/package-lock.json"; then return; fi
    say "npm packages into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$from/package.json" "$from/package-lock.json" "$folder"
    (cd "$folder" && npm ci --silent --no-audit --no-fund --ignore-scripts)
}

# The official test suite of JSON Schema, which the sources of the Python package carry; it is read where it is unpacked.
json_schema_suite() {
    local folder=.work/json-schema-suite pin
    pin="$(grep '^jsonschema==' tests/setup/requirements.txt)"
    if [ -f "$folder/installed-from" ] && [ "$(cat "$folder/installed-from")" = "$pin" ]; then return; fi
    say "JSON Schema's test suite into $folder"
    rm -rf "$folder"
    mkdir -p "$folder"
    .work/venv/bin/python -m pip download --quiet --disable-pip-version-check --retries 5 --no-deps --no-binary :all: -d "$folder" "$pin"
    tar -xzf "$folder"/jsonschema-*.tar.gz -C "$folder" --strip-components 2 --wildcards 'jsonschema-*/json/*'
    rm "$folder"/jsonschema-*.tar.gz
    printf '%s' "$pin" > "$folder/installed-from"
}

case "$what" in
    tests) python tests/setup/requirements.txt ;;
    --bench) python tests/setup/requirements.txt tests/setup/requirements-bench.txt ;;
esac
if [ "$what" != --build ]; then
    json_schema_suite
    node_packages
fi

say "ready"
