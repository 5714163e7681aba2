#!/bin/bash
# Proves the packages: scripts/package/check.sh [ARCHITECTURE...]; as root, on Debian 12
# Unless named: amd64 arm64 armhf, and the tarball, armv6, where its compiler is installed.
#
#   bytes      built again in another directory, they are the same
#   lintian    no errors, no warnings
#   root       installed in a fresh Debian: amd64 by apt in a chroot, used, upgraded, removed, purged; the
#              others in a root of their architecture, run through qemu
#   systemd    the same root booted with its own systemd, where namespaces allow it: start, upgrade, kill, hang
#   deliver    each delivers to the tests' own server, which is away at first, and is killed meanwhile
#   journal    what one architecture has written the others read, and go on with
#   lines      real lines in a guest (GPIO_RIG, see CONTRIBUTING.md): restarts, an upgrade, kill -9 and a hang cost no pulse
#
# GPIO_RIG ()   the rig's `run`
# SKIP (none)   of these, some: SKIP="bytes lintian"; with "build" the newest packages in OUT are taken
#
# What could not be checked is listed at the end. Fresh roots are kept packed in CROSS_PREFIX/roots.
# shellcheck disable=SC2016  # commands for the shell of another root
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

unchecked=()
if [ $# = 0 ]; then
	set -- amd64 arm64 armhf
	if [ -d "$CROSS_PREFIX/new" ]; then
		set -- "$@" armv6
	else
		unchecked+=("the tarball for armv6: needs \`make cross-setup ARGS=static\`")
	fi
fi
architectures=("$@")
OUT=${OUT:-target/packages}
work=$(mktemp -d)
failures=0
declare -A package root

mounted=''
daemon=''
server=''
booted=''
cgroup=''

finish() {
	[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true
	[ -z "$booted" ] || power_off
	[ -z "$mounted" ] || umount "$mounted"
	rm -rf --one-file-system "$work"
}
trap finish EXIT

good() { echo "ok      $*"; }
bad() {
	echo "FAILED  $*"
	failures=$((failures + 1))
}
check() { # WHAT COMMAND...
	local what=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		good "$what"
	else
		bad "$what"
		sed 's/^/        /' "$work/said"
	fi
}
skipped() {
	echo "skipped $*"
	unchecked+=("$*")
}
wanted() { [[ " ${SKIP:-} " != *" $1 "* ]]; }

make_one() { # ARCHITECTURE
	if [ "$1" = armv6 ]; then scripts/package/tarball.sh; else scripts/package/deb.sh "$1"; fi
}

make_packages() {
	local arch
	for arch in "${architectures[@]}"; do
		if ! wanted build; then
			package[$arch]=$(find "$OUT" \( -name "powerlogger_*_$arch.deb" -o -name "powerlogger-*-$arch.tar.gz" \) -printf '%T@ %p\n' | sort -n | sed -n '$s/^[^ ]* //p')
			[ -n "${package[$arch]}" ] || die "there is no package for $arch in $OUT"
			echo "        taking ${package[$arch]}"
			continue
		fi
		echo "        building for $arch ..."
		package[$arch]=$(OUT=$OUT make_one "$arch" 2>"$work/log") || {
			cat "$work/log"
			die "$arch cannot be built"
		}
	done
}

# The same sources, elsewhere, built from nothing.
check_bytes() {
	wanted bytes || {
		skipped "bytes: whether two builds are equal (SKIP)"
		return
	}
	local arch again version elsewhere=$work/elsewhere/a/longer/path
	mkdir -p "$elsewhere"
	git ls-files -z | tar -c --null --files-from - | tar -x -C "$elsewhere"
	stamp
	for arch in "${architectures[@]}"; do
		echo "        building for $arch again, elsewhere ..."
		version=$(deb_version_of "${package[$arch]}")
		again=$(cd "$elsewhere" && VERSION=$version OUT=$work/again \
			TARGET_DIR=$work/elsewhere/target make_one "$arch" 2>"$work/log") || {
			cat "$work/log"
			bad "bytes: $arch cannot be built elsewhere"
			continue
		}
		check "bytes: $arch is the same, built elsewhere" cmp "${package[$arch]}" "$again"
	done
	rm -rf "$work/elsewhere"
}

deb_version_of() {
	case $1 in
	*.deb) dpkg-deb -f "$1" Version ;;
	esac
}

check_lintian() {
	local arch
	for arch in "${architectures[@]}"; do
		[ "$arch" != armv6 ] || continue
		if ! wanted lintian || ! command -v lintian >/dev/null; then
			skipped "lintian: $arch"
		else
			check "lintian: $arch" lintian --allow-root --fail-on error,warning "${package[$arch]}"
		fi
	done
}

# A fresh Debian, packed once and unpacked for each check.
fresh_root() { # ARCHITECTURE: its directory
	local packed=$CROSS_PREFIX/roots/$1.tar dir=$work/root-$1
	if [ "$1" = armv6 ]; then
		mkdir "$dir"
		echo "$dir"
		return
	fi
	if [ ! -e "$packed" ]; then
		local made=$work/made-$1 foreign=()
		[ "$1" = "$(dpkg --print-architecture)" ] || foreign=(--foreign)
		echo "        making a Debian root for $1 ..." >&2
		debootstrap "${foreign[@]}" --arch="$1" --variant=minbase --include=systemd,init-system-helpers bookworm \
			"$made" >"$work/log" 2>&1 || {
			tail -n 20 "$work/log" >&2
			return 1
		}
		mkdir -p "${packed%/*}"
		tar -C "$made" -c . >"$packed.new"
		mv "$packed.new" "$packed"
		rm -rf "$made"
	fi
	mkdir "$dir"
	tar -C "$dir" -x <"$packed"
	echo "$dir"
}

# The installed program's words: in a chroot, or through qemu.
words() { # ARCHITECTURE
	case $1 in
	amd64) echo "chroot ${root[amd64]} /usr/bin/powerlogger" ;;
	arm64) echo "qemu-aarch64-static -L ${root[arm64]} ${root[arm64]}/usr/bin/powerlogger" ;;
	armhf) echo "qemu-arm-static -L ${root[armhf]} ${root[armhf]}/usr/bin/powerlogger" ;;
	armv6) echo "qemu-arm-static -cpu arm1176 ${root[armv6]}/usr/local/bin/powerlogger" ;;
	esac
}

installed() { # ARCHITECTURE ARGUMENTS...
	local program
	read -ra program <<<"$(words "$1")"
	shift
	cd "$work" # not in the clone, which may have a .env
	exec "${program[@]}" "$@"
}

# Where a journal is for the program: in a chroot it is below that root.
place() { # ARCHITECTURE NAME
	if [ "$1" = amd64 ]; then echo "/tmp/$2"; else echo "$work/journals/$2"; fi
}

pulses() { # ARCHITECTURE QUEUE: how many the journal has; 0 while there is none
	local said
	said=$( (installed "$1" --queue-dir "$2" status --json 2>/dev/null) | sed -n 's/^ *"journal_pulses": \([0-9]*\).*/\1/p') || true
	echo "${said:-0}"
}

install_amd64() {
	local dir=${root[amd64]}
	# A root that was made inside a container may have a link there instead.
	if [ ! -L "$dir/proc" ]; then
		mount -t proc proc "$dir/proc"
		mounted=$dir/proc
	fi
	cp "${package[amd64]}" "$dir/tmp/powerlogger.deb"
	in_root() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive chroot "$dir" "$@"; }
	check "root: amd64 installs by apt" in_root apt-get install -y --no-install-recommends /tmp/powerlogger.deb
	check "root: user and group" in_root sh -ec 'id -nG powerlogger | grep -qw gpio'
	check "root: .env is the service's and root's alone" in_root sh -ec \
		'test "$(stat -c "%a %U %G" /etc/powerlogger/.env)" = "640 root powerlogger"'
	check "root: directories" in_root sh -ec \
		'test "$(stat -c "%a %U %G" /etc/powerlogger /var/lib/powerlogger | tr "\n" ,)" = "750 root powerlogger,750 powerlogger powerlogger,"'
	check "root: enabled at boot" in_root test -L /etc/systemd/system/multi-user.target.wants/powerlogger.service
	check "root: the unit is valid" in_root systemd-analyze verify --man=no powerlogger.service
	check "root: the service's user can read the configuration" in_root setpriv --reuid=powerlogger \
		--regid=powerlogger --init-groups powerlogger config check
}

# Other architectures: dpkg of this machine, whose maintainer scripts act on the root from outside.
install_foreign() { # ARCHITECTURE
	check "root: $1 installs by dpkg from outside" dpkg --root="${root[$1]}" --force-script-chrootless \
		--force-architecture --force-depends --log=/dev/null -i "${package[$1]}"
	check "root: $1 has its user" grep -q '^powerlogger:' "${root[$1]}/etc/passwd"
	check "root: $1 has its .env" test "$(stat -c %a "${root[$1]}/etc/powerlogger/.env")" = 640
}

# The oldest board's processor, and no library but what is in the program.
unpack_armv6() {
	check "root: armv6 unpacks" tar -C "${root[armv6]}" -xzf "${package[armv6]}"
	check "root: armv6 touches no directory of the system but /usr/local" test "$(ls "${root[armv6]}/usr")" = local
}

leave_amd64() {
	local dir=${root[amd64]}
	echo '# mine' >>"$dir/etc/powerlogger/powerlogger.toml"
	echo 'INFLUX_ORG=mine' >"$dir/etc/powerlogger/.env"
	touch "$dir/var/lib/powerlogger/journal-of-mine"
	dpkg-deb -R "${package[amd64]}" "$work/next"
	sed -i 's/^Version: .*/&.next/' "$work/next/DEBIAN/control"
	echo '# a new key' >>"$work/next/etc/powerlogger/powerlogger.toml"
	echo '# a new key' >>"$work/next/usr/share/powerlogger/env.example"
	dpkg-deb --root-owner-group -Znone -b "$work/next" "$dir/tmp/next.deb" >/dev/null
	check "root: an upgrade asks nothing of noninteractive apt" in_root apt-get install -y -o Dpkg::Options::=--force-confold \
		--no-install-recommends /tmp/next.deb
	check "root: what was edited is kept" in_root sh -ec \
		'grep -q "^# mine" /etc/powerlogger/powerlogger.toml; grep -q mine /etc/powerlogger/.env'
	check "root: downgrades" in_root apt-get install -y --allow-downgrades -o Dpkg::Options::=--force-confold \
		--no-install-recommends /tmp/powerlogger.deb
	check "root: removed" in_root apt-get remove -y powerlogger
	check "root: the journal is still there" in_root test -e /var/lib/powerlogger/journal-of-mine -a -e /etc/powerlogger/.env
	check "root: purged" in_root apt-get purge -y powerlogger
	check "root: nothing is left" in_root sh -ec \
		'! getent passwd powerlogger && ! find / -xdev -iname "*powerlogger*" -not -path "/proc/*" -not -path "/tmp/*" -not -path "/var/log/*" | grep .'
	if [ -n "$mounted" ]; then
		umount "$mounted"
		mounted=''
	fi
}

# A system of its own, with a daemon that counts a simulated house.
check_systemd() {
	local dir=$work/root-systemd hierarchy said=''
	hierarchy=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	cgroup=$hierarchy/powerlogger-check-$$
	if ! wanted systemd || [ -z "$hierarchy" ] || ! mkdir "$cgroup"; then
		skipped "systemd as PID 1 (SKIP, or there is no cgroup2 that can be written)"
		return
	fi
	mkdir "$dir"
	tar -C "$dir" -x <"$CROSS_PREFIX/roots/amd64.tar"
	cp "${package[amd64]}" "$dir/root/powerlogger.deb"
	mkdir -p "$dir/etc/systemd/system/powerlogger.service.d"
	printf '[Service]\nExecStart=\nExecStart=%s\n' \
		'/usr/bin/powerlogger --config-dir /etc/powerlogger run --simulate --speed 60' \
		>"$dir/etc/systemd/system/powerlogger.service.d/simulate.conf"
	scripts/package/boot.sh "$dir" "$cgroup" >"$work/boot" 2>&1 </dev/null &
	booted=$!
	for _ in $(seq 60); do
		said=$(in_system systemctl is-system-running 2>/dev/null || true)
		[ "$said" != running ] || break
		sleep 0.5
	done
	if [ "$said" = running ]; then
		use_system
	else
		skipped "systemd as PID 1 (it does not boot here: ${said:-no answer}; $(tail -n 1 "$work/boot"))"
	fi
	power_off
}

in_system() {
	local init
	init=$(pgrep -P "$booted") || return 1
	nsenter --target "$init" --pid --mount --uts --ipc --net --cgroup --root --wd env -i \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

# Only within that system: the number of a process is its own there.
signal_daemon() { in_system systemctl kill --kill-whom=main --signal="$1" powerlogger; }

property() { in_system systemctl show powerlogger --property="$1" --value; }

is_back() { # RESTARTS SECONDS: it has been restarted so often, and is active
	local deadline=$((SECONDS + $2))
	until [ "$(property NRestarts)" -ge "$1" ] && [ "$(property ActiveState)" = active ]; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.5
	done
}

use_system() {
	local before
	check "systemd: installs" in_system apt-get install -y --no-install-recommends /root/powerlogger.deb
	in_system systemctl start powerlogger || true
	check "systemd: active, by its own READY, as its own user" test \
		"$(property ActiveState) $(property User)" = "active powerlogger"
	before=$(property MainPID)
	check "systemd: an upgrade" in_system apt-get install -y --reinstall /root/powerlogger.deb
	check "systemd: has restarted it, once" test "$(property MainPID)" != "$before" -a "$(property ActiveState)" = active
	in_system mkdir -p /etc/credstore
	in_system sh -c 'umask 077; echo of-the-store >/etc/credstore/influx-token'
	in_system systemctl restart powerlogger
	check "systemd: a token from the credential store, for nobody else" in_system sh -ec \
		'grep -qx of-the-store /run/credentials/powerlogger.service/influx-token; ! setpriv --reuid=nobody cat /run/credentials/powerlogger.service/influx-token'
	signal_daemon KILL
	check "systemd: it comes back after kill -9" is_back 1 10
	signal_daemon STOP
	check "systemd: the watchdog ends a daemon that hangs, and it comes back" is_back 2 100
	check "systemd: stops within its time" in_system systemctl stop powerlogger
	check "systemd: and has ended by itself" test "$(property Result)" = success
	check "systemd: purged" in_system apt-get purge -y powerlogger
}

power_off() {
	kill -9 "$booted" 2>/dev/null || true
	wait "$booted" 2>/dev/null || true
	booted=''
	for _ in $(seq 50); do
		! rmdir "$cgroup" 2>/dev/null || break
		# The system's own groups below it go first.
		find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} + 2>/dev/null || true
		sleep 0.1
	done
}

# Counts, is killed, counts on; nothing that was counted is missing.
check_counting() { # ARCHITECTURE
	local queue before=0 after tries=0
	queue=$(place "$1" "kill-$1")
	check "run: $1: --version" installed_quietly "$1" --version
	echo "        $(installed_quietly "$1" --version)"
	(installed "$1" --queue-dir "$queue" run --simulate --speed 3600 >"$work/log" 2>&1) &
	daemon=$!
	while [ "$before" -lt 200 ]; do
		tries=$((tries + 1))
		if [ $tries -gt 300 ] || ! kill -0 "$daemon" 2>/dev/null; then
			bad "run: $1 counts a simulated house"
			tail -n 20 "$work/log"
			return
		fi
		sleep 0.2
		before=$(pulses "$1" "$queue")
	done
	kill -9 "$daemon"
	wait "$daemon" 2>/dev/null || true
	daemon=''
	after=$(pulses "$1" "$queue")
	check "run: $1 counts a simulated house, $before pulses; kill -9 leaves $after" test "$after" -ge "$before"
	(installed "$1" --queue-dir "$queue" run --simulate --speed max --for 2h >"$work/log" 2>&1) || true
	check "run: $1 counts on: $(pulses "$1" "$queue")" test "$(pulses "$1" "$queue")" -gt "$after"
}

# The server is the fake of tests/it/delivery.rs, with its rights, its faults and its memory of every point.
build_server() {
	local cargo
	if ! wanted deliver || ! cargo=$(scripts/toolchain.sh 2>/dev/null); then
		skipped "deliver: to the tests' server (SKIP, or no cargo)"
		return
	fi
	echo "        building the tests' server ..."
	server=$("$cargo" test --test it --no-run 2>&1 | sed -n 's/^ *Executable .*(\(.*\))$/\1/p')
	[ -x "$server" ] || bad "deliver: the tests' server cannot be built"
}

check_delivery() { # ARCHITECTURE
	local program
	[ -n "$server" ] || return 0
	program=$(words "$1")
	# Its configuration is outside the root.
	[ "$1" != amd64 ] || program=${root[amd64]}/usr/bin/powerlogger
	check "deliver: $1, to a server that is away at first, and killed meanwhile: every pulse once" \
		env PROGRAM="$program" "$server" --exact delivery::a_server_that_is_away_is_waited_for
}

check_lines() {
	local dir=$work/root-lines
	if ! wanted lines || [ -z "${GPIO_RIG:-}" ]; then
		skipped "lines: the descriptor store over an upgrade, on real lines (SKIP, or no GPIO_RIG)"
		return
	fi
	mkdir "$dir"
	tar -C "$dir" -x <"$CROSS_PREFIX/roots/amd64.tar"
	cp "${package[amd64]}" "$dir/root/powerlogger.deb"
	check "lines: restarts, an upgrade, kill -9 and a hang cost no pulse" \
		"$GPIO_RIG" --timeout 900 --chip spare:1 -- "$PWD/scripts/package/lines.sh" "$dir"
	sed -n 's/^\(.* made, .* counted\)$/        \1/p' "$work/said"
}

installed_quietly() { (installed "$@" 2>/dev/null); }

dump() { # ARCHITECTURE QUEUE
	installed_quietly "$1" --queue-dir "$2" export
	installed_quietly "$1" --queue-dir "$2" export --view 1m
}

# Each journal read by each architecture, and gone on with by it.
check_journals() {
	local writer reader here there
	for writer in "${architectures[@]}"; do
		here=$(place "$writer" "journal-$writer")
		(installed "$writer" --queue-dir "$here" run --simulate --seed 7 --speed max --since 2026-06-21T06:00:00Z --for 12h \
			>"$work/log" 2>&1) || bad "journal: $writer writes one"
		dump "$writer" "$here" >"$work/dump-$writer"
		# Not the windows: how far they are counted at the end is a matter of time.
		installed_quietly "$writer" --queue-dir "$here" export >"$work/pulses-$writer"
		[ "$writer" = "${architectures[0]}" ] ||
			check "journal: the same seed has the same pulses on ${architectures[0]} and $writer" \
				cmp "$work/pulses-${architectures[0]}" "$work/pulses-$writer"
		for reader in "${architectures[@]}"; do
			[ "$reader" != "$writer" ] || continue
			there=$(place "$reader" "journal-$writer-read-by-$reader")
			mkdir -p "$(outside "$reader" "$there")"
			cp "$(outside "$writer" "$here")"/* "$(outside "$reader" "$there")/"
			dump "$reader" "$there" >"$work/dump"
			check "journal: $(wc -l <"$work/dump") lines of $writer are the same on $reader" \
				cmp "$work/dump-$writer" "$work/dump"
			(installed "$reader" --queue-dir "$there" run --simulate --speed max --for 1h >"$work/log" 2>&1) || true
			check "journal: $reader goes on with that of $writer" test \
				"$(pulses "$reader" "$there")" -gt "$(pulses "$writer" "$here")"
		done
	done
}

# A path of the program, seen from here.
outside() { if [ "$1" = amd64 ]; then echo "${root[amd64]}$2"; else echo "$2"; fi; }

[ "$(id -u)" = 0 ] || die "a chroot needs root: sudo make package-check"
make_packages
check_lintian
check_bytes
mkdir "$work/journals"
build_server
for arch in "${architectures[@]}"; do
	root[$arch]=$(fresh_root "$arch") || die "no Debian root for $arch"
	case $arch in
	amd64) install_amd64 ;;
	armv6) unpack_armv6 ;;
	*) install_foreign "$arch" ;;
	esac
	check_counting "$arch"
	check_delivery "$arch"
done
check_journals
if [ -n "${root[amd64]:-}" ]; then
	leave_amd64
	check_systemd
	check_lines
fi

unchecked+=("real boards: ARM binaries ran through qemu-user, on this machine's kernel, without GPIO")
echo "not checked here:"
printf '  %s\n' "${unchecked[@]}"
echo "$failures failed"
[ "$failures" = 0 ]
