# What the tests of the packages share: a clean Debian in $root, which goes at the end,
# and the sensor in it. Sourced by packaging/deb/test and packaging/rpm/test; needs root
# and debootstrap.
set -euo pipefail

# A .tar of an earlier clean system (ROOT_TAR) saves the minute that a new one takes.
suite=${SUITE:-bookworm}
mirror=${MIRROR:-}
work=$(mktemp -d)
root=$work/root
running=
cleanup() {
	[ -z "$running" ] || kill "$running" 2>/dev/null || true
	local place
	for place in proc dev; do
		! mountpoint -q "$root/$place" || umount -R "$root/$place"
	done
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

say() { echo "package: $*"; }
fail() { say "FAILED: $*" >&2; exit 1; }
exec_inside() { exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
inside() { (exec_inside "$@"); }
there() { [ -e "$root$1" ] || fail "$1 is missing after $2"; }
gone() { [ ! -e "$root$1" ] || fail "$1 is left after $2"; }

make_root() {
	if [ -n "${ROOT_TAR:-}" ]; then
		mkdir "$root" && tar -C "$root" -xf "$ROOT_TAR"
	else
		debootstrap --variant=minbase "$suite" "$root" $mirror >"$work/log" 2>&1 || { tail "$work/log"; fail debootstrap; }
	fi
	mkdir -p "$root/proc" "$root/dev"
	mount -t proc none "$root/proc"
	# Device files are not ours to make in every container, but ours to lend.
	mount -t tmpfs -o mode=755 none "$root/dev"
	local device
	for device in null zero full random urandom; do
		: >"$root/dev/$device"
		mount --bind "/dev/$device" "$root/dev/$device"
	done
}

# Makes what the service manager would, and has the sensor take any free port.
prepare() {
	inside install -d -o killdeer -g killdeer -m 700 /var/lib/killdeer /var/cache/killdeer
	sed -i 's/^listen = .*/listen = "127.0.0.1:0"/' "$root/etc/killdeer/agent.toml"
}

# Runs the installed sensor as its user until it is ready, and stops it.
run() {
	: >"$work/out"
	exec_inside setpriv --reuid=killdeer --regid=killdeer --clear-groups \
		killdeer run -c /etc/killdeer/agent.toml >"$work/out" 2>"$work/err" &
	running=$!
	for _ in $(seq 600); do
		grep -q '^events ' "$work/out" && break
		kill -0 "$running" 2>/dev/null || { cat "$work/err"; fail "the sensor does not start after $1"; }
		sleep 0.1
	done
	kill "$running"; wait "$running" || fail "the sensor does not stop after $1"
	running=
}
