#!/bin/sh
# Installs PowerLogger from this clone, or removes it again: scripts/install.sh install|service|uninstall
#
# PREFIX (/usr/local)   where the binary goes, in PREFIX/bin
# DESTDIR ()            put in front of every path: for packagers; no users, no systemctl, no root needed
# BINARY ()             an already built binary, instead of building one
#
# Running it again is safe: configuration, tokens and journal are never overwritten.
set -eu
cd "$(dirname "$0")/.."

PREFIX=${PREFIX:-/usr/local}
DESTDIR=${DESTDIR:-}
bin=$DESTDIR$PREFIX/bin/powerlogger
conf=$DESTDIR/etc/powerlogger
state=$DESTDIR/var/lib/powerlogger
units=$DESTDIR/etc/systemd/system
unit=$units/powerlogger.service
udev=$DESTDIR/etc/udev/rules.d/60-powerlogger-gpio.rules
sysusers=$DESTDIR/usr/lib/sysusers.d/powerlogger.conf
tmpfiles=$DESTDIR/usr/lib/tmpfiles.d/powerlogger.conf
man=$DESTDIR$PREFIX/share/man/man1
man5=$DESTDIR$PREFIX/share/man/man5
bash=$DESTDIR$PREFIX/share/bash-completion/completions/powerlogger
zsh=$DESTDIR$PREFIX/share/zsh/site-functions/_powerlogger
fish=$DESTDIR$PREFIX/share/fish/vendor_completions.d/powerlogger.fish

say() { echo "powerlogger: $*"; }

# Root, where it is the real system that is changed.
as_root() {
	if [ -n "$DESTDIR" ] || [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		say "this needs root, and there is no sudo; run \`make install\` as root" >&2
		exit 1
	fi
}

have_systemd() { [ -z "$DESTDIR" ] && command -v systemctl >/dev/null 2>&1; }

build() {
	if [ -n "${BINARY:-}" ]; then
		return
	fi
	cargo=$(scripts/toolchain.sh)
	say "building (some minutes on a Raspberry Pi)"
	"$cargo" build --release
	BINARY=target/release/powerlogger
}

put() { # MODE FROM TO
	as_root mkdir -p "$(dirname "$3")"
	as_root install -m "$1" "$2" "$3"
	say "installed $3"
}

put_once() { # MODE FROM TO: what somebody may have edited is left alone
	if as_root test -e "$3"; then
		say "left alone: $3"
	else
		put "$1" "$2" "$3"
	fi
}

put_units() {
	new=$(mktemp)
	for name in powerlogger.service powerlogger-backup.service powerlogger-backup.timer; do
		sed "s|^ExecStart=/usr/local/bin/|ExecStart=$PREFIX/bin/|" "dist/systemd/$name" >"$new"
		put 0644 "$new" "$units/$name"
	done
	rm -f "$new"
}

put_manual() { # man pages and completions, as the binary knows them
	made=$(mktemp -d)
	if "$BINARY" man "$made/man" 2>/dev/null; then
		for shell in bash zsh fish; do
			"$BINARY" completions "$shell" >"$made/$shell"
		done
		as_root mkdir -p "$man" "$man5"
		as_root install -m 0644 "$made"/man/*.1 "$man"
		as_root install -m 0644 "$made"/man/*.5 "$man5"
		say "installed the man pages in $man"
		put 0644 "$made/bash" "$bash"
		put 0644 "$made/zsh" "$zsh"
		put 0644 "$made/fish" "$fish"
	else
		say "no man pages and completions: this machine cannot run $BINARY"
	fi
	rm -rf "$made"
}

add_users() {
	if command -v systemd-sysusers >/dev/null 2>&1; then
		as_root systemd-sysusers "$sysusers"
		return
	fi
	getent group gpio >/dev/null || as_root groupadd --system gpio
	getent passwd powerlogger >/dev/null ||
		as_root useradd --system --user-group --home-dir /var/lib/powerlogger --shell /usr/sbin/nologin powerlogger
	as_root usermod -a -G gpio powerlogger
}

directories() {
	as_root mkdir -p "$conf" "$state"
	as_root chmod 0750 "$conf" "$state"
	if [ -z "$DESTDIR" ]; then
		as_root chown root:powerlogger "$conf"
		as_root chown powerlogger:powerlogger "$state"
	fi
}

configuration() {
	# What was edited in the clone is what is meant.
	from=.env.example
	[ ! -e .env ] || from=.env
	put_once 0640 "$from" "$conf/.env"
	put_once 0644 dist/powerlogger.toml "$conf/powerlogger.toml"
	for file in installation.id writer.token; do
		[ ! -e "$file" ] || put_once 0600 "$file" "$conf/$file"
	done
	if [ -z "$DESTDIR" ]; then
		as_root chown root:powerlogger "$conf/.env"
		if as_root test -e "$conf/writer.token"; then
			as_root chown powerlogger: "$conf/writer.token"
		fi
		if as_root test -e "$conf/installation.id"; then
			as_root chmod 0644 "$conf/installation.id"
		fi
	fi
}

do_install() {
	build
	put 0755 "$BINARY" "$bin"
	put_units
	put_manual
	put 0644 dist/sysusers.d/powerlogger.conf "$sysusers"
	put 0644 dist/tmpfiles.d/powerlogger.conf "$tmpfiles"
	put 0644 dist/udev/60-powerlogger-gpio.rules "$udev"
	[ -n "$DESTDIR" ] || add_users
	directories
	configuration
	if have_systemd; then
		as_root systemctl daemon-reload
		if command -v udevadm >/dev/null 2>&1; then
			as_root udevadm control --reload || true
			as_root udevadm trigger --subsystem-match=gpio || true
		fi
		if systemctl is-active --quiet powerlogger; then
			say "restarting the service with the new binary"
			as_root systemctl restart powerlogger
		fi
	fi
	[ -n "$DESTDIR" ] || next_steps
}

next_steps() {
	cat <<-EOF

		PowerLogger is installed. Next:
		  1. edit $conf/.env          (address, organization and token of InfluxDB)
		  2. make setup-influxdb      (buckets, tasks, tokens)
		  3. make verify              (everything from the wire to the server)
		  4. make service-install     (start now and at every boot)
		Configuration and journal are not for everybody: \`sudo powerlogger status\`, or
		\`sudo usermod -a -G powerlogger \$USER\`, then log in again.
	EOF
}

do_service() {
	if ! as_root test -e "$unit"; then
		say "the unit is not installed; run \`make install\` first" >&2
		exit 1
	fi
	if ! have_systemd; then
		say "there is no systemd here; start \`powerlogger run\` by other means" >&2
		exit 1
	fi
	as_root systemctl daemon-reload
	as_root systemctl enable --now powerlogger
	say "the service runs, now and at every boot; \`make service-status\` shows it"
	say "the page: http://127.0.0.1:8077/ on this machine; \`powerlogger verify\` says how a phone reaches it"
}

do_uninstall() {
	if have_systemd && as_root test -e "$unit"; then
		as_root systemctl disable --now powerlogger powerlogger-backup.timer || true
	fi
	for file in "$bin" "$unit" "$units/powerlogger-backup.service" "$units/powerlogger-backup.timer" "$udev" "$sysusers" "$tmpfiles" "$bash" "$zsh" "$fish" \
		"$man/powerlogger.1" "$man"/powerlogger-*.1 "$man5/powerlogger.toml.5"; do
		if as_root test -e "$file"; then
			as_root rm -f "$file"
			say "removed $file"
		fi
	done
	if as_root test -d "$unit.d"; then
		as_root rm -rf "$unit.d"
		say "removed $unit.d"
	fi
	! have_systemd || as_root systemctl daemon-reload
	say "left where they are: $conf (configuration, tokens) and $state (the journal: all your pulses)"
}

case ${1:-} in
install) do_install ;;
service) do_service ;;
uninstall) do_uninstall ;;
*)
	echo "usage: scripts/install.sh install|service|uninstall" >&2
	exit 2
	;;
esac
