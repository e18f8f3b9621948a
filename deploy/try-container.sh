#!/usr/bin/env bash
# Runs the steps of the container file without a container engine, and then what an engine would run: the gateway with the example
# configuration, on a root that cannot be written to, without capabilities, as the image's user and as any other.
# Needs root, debootstrap and a Debian mirror.
#
#   deploy/try-container.sh [BINARY]      the binary of the build step; target/release/varco if left out
set -euo pipefail
cd "$(dirname "$0")/.."

binary="$(realpath "${1:-target/release/varco}")"
[ -x "$binary" ] || { echo "no $binary: cargo build --release --locked --package cli" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "root is needed, to change it for another" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "apt-get install debootstrap" >&2; exit 2; }

# Mounts of its own, which end with it.
if [ -z "${VARCO_TRIAL:-}" ]; then
    trial="$(mktemp -d)"
    status=0
    VARCO_TRIAL="$trial" unshare --mount "$0" "$binary" || status=$?
    rm -rf --one-file-system "$trial"
    exit "$status"
fi
root="$VARCO_TRIAL/root"
say() { echo "container: $*"; }

say "a Debian of the image's release"
debootstrap --variant=minbase bookworm "$root" >"$VARCO_TRIAL/debootstrap.log" 2>&1 || { tail "$VARCO_TRIAL/debootstrap.log" >&2; exit 1; }
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"

# The last stage of the container file, one instruction a line.
stage="$(sed -n '/^FROM .*debian/,$p' deploy/Containerfile | grep -v '^#' | sed -e ':a' -e '/\\$/N; s/\\\n//; ta')"
user=
while read -r instruction rest; do
    case "$instruction" in
        RUN) say "RUN $(cut -c -60 <<<"$rest") …"; chroot "$root" /bin/sh -c "$rest" >"$VARCO_TRIAL/run.log" 2>&1 || { tail "$VARCO_TRIAL/run.log" >&2; exit 1; } ;;
        COPY)
            say "COPY $rest"
            case "$rest" in
                --from=build*) install -D --mode 0755 "$binary" "$root/usr/bin/varco" ;;
                *) read -r from to <<<"$rest"; mkdir -p "$root$to"; cp -r "$from/." "$root$to" ;;
            esac ;;
        USER) user="$rest" ;;
        ENV) export "${rest?}" ;;
    esac
done <<<"$stage"
[ -n "$user" ] || { echo "the container file names no user" >&2; exit 1; }

# What is mounted into it: the example, with keys that were made for this trial.
etc="$root/etc/varco"
mkdir -p "$etc/tls" "$etc/keys" "$root/trial"
cp deploy/etc/* "$etc"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
    -keyout "$etc/tls/server.key" -out "$etc/tls/server.pem" 2>/dev/null
openssl genpkey -algorithm RSA -out "$etc/keys/pdnd.pem" 2>/dev/null
chmod -R a+rX "$etc"

# Free ports in the place of the image's, which somebody may have here.
sed -i 's/\[::\]:8443/[::1]:0/; s/\[::\]:8080/[::1]:0/; s/\[::\]:9090/127.0.0.1:0/' "$etc/varco.yaml"

try() {
    local who="$1" pid metrics
    say "as $who, on a root that is read only"
    for folder in var/lib/varco run/varco; do
        mount -t tmpfs -o "uid=${who%%:*},gid=0,mode=0770" tmpfs "$root/$folder"
    done
    local as=(setpriv "--reuid=${who%%:*}" "--regid=${who##*:}" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all)
    chroot "$root" "${as[@]}" /usr/bin/varco check -c /etc/varco/varco.yaml
    chroot "$root" "${as[@]}" /usr/bin/varco run -c /etc/varco/varco.yaml --log json >"$VARCO_TRIAL/out" 2>"$VARCO_TRIAL/err" &
    pid=$!
    for _ in $(seq 100); do
        metrics="$(sed -n 's/^listening metrics //p' "$VARCO_TRIAL/out")"
        [ -z "$metrics" ] || break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    [ -n "$metrics" ] || { cat "$VARCO_TRIAL/err" >&2; exit 1; }
    [ "$(curl -s "http://$metrics/live")" = live ]
    # Not ready: PDND's keys of this example are nobody's.
    chroot "$root" "${as[@]}" /usr/bin/varco status -c /etc/varco/varco.yaml || true
    kill -TERM "$pid"
    wait "$pid"
    chroot "$root" "${as[@]}" /usr/bin/varco audit verify --store /var/lib/varco/audit
    umount "$root/var/lib/varco" "$root/run/varco"
}

mount --bind "$root" "$root"
mount -o remount,ro,bind "$root"
try "$user"
try 1000660000:0
say "all steps ran, and the gateway runs as any user on a root that is read only"
