#!/bin/bash
# The package on real lines, under a systemd of its own: scripts/package/lines.sh ROOT. Used by check.sh; as root, in a
# guest whose kernel has gpio-sim.
#
# While pulses come the service is restarted, upgraded, killed, and hangs until the watchdog ends it. Then it must have
# counted as many as were made. ROOT is a Debian root with /root/powerlogger.deb; what is written stays in memory.
set -euo pipefail
lower=${1:?a Debian root}
cd "$(dirname "$0")/../.."
sim=/sys/kernel/config/gpio-sim
place=/run/powerlogger-lines
made=0

die() {
	echo "powerlogger: $*" >&2
	exit 1
}

# A chip like that of a Raspberry Pi's header.
chip() {
	local line bank=$sim/powerlogger/bank0
	mkdir "$sim/powerlogger" "$bank"
	echo 28 >"$bank/num_lines"
	echo pinctrl-bcm2711 >"$bank/label"
	for line in 20 21 26; do
		mkdir "$bank/line$line"
		echo "GPIO$line" >"$bank/line$line/name"
	done
	echo 1 >"$sim/powerlogger/live"
	device=/dev/$(cat "$bank/chip_name")
	wire=/sys/devices/platform/$(cat "$sim/powerlogger/dev_name")/$(cat "$bank/chip_name")/sim_gpio20/pull
}

boot() {
	local said=''
	mkdir -p "$place"
	mount -t tmpfs -o size=300m tmpfs "$place"
	mkdir "$place/upper" "$place/work" "$place/root"
	mount -t overlay overlay -o "lowerdir=$lower,upperdir=$place/upper,workdir=$place/work" "$place/root"
	mkdir /sys/fs/cgroup/powerlogger-lines
	scripts/package/boot.sh "$place/root" /sys/fs/cgroup/powerlogger-lines >"$place/boot" 2>&1 </dev/null &
	booted=$!
	for _ in $(seq 120); do
		said=$(inside systemctl is-system-running 2>/dev/null || true)
		[ "$said" != running ] || return 0
		sleep 0.5
	done
	die "it does not boot: $said $(tail -n 1 "$place/boot")"
}

inside() {
	local init
	init=$(pgrep -P "$booted") || return 1
	nsenter --target "$init" --pid --mount --uts --net --cgroup --root --wd env -i \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

property() { inside systemctl show powerlogger --property="$1" --value; }

install_package() { inside dpkg -i /root/powerlogger.deb >"$place/said" 2>&1 || die "$(cat "$place/said")"; }

# In the background, as pulses come; `wait $pulsing` afterwards.
pulses() { # HOW-MANY
	made=$((made + $1))
	(
		for _ in $(seq "$1"); do
			echo pull-down >"$wire"
			sleep 0.04
			echo pull-up >"$wire"
			sleep 0.06
		done
	) &
	pulsing=$!
}

counted() { # WHAT: after what is under way
	local pulses=-1
	wait "$pulsing"
	for _ in $(seq 40); do
		pulses=$(inside powerlogger export | grep -c PulseType=Import || true)
		[ "$pulses" -lt "$made" ] || break
		sleep 0.5
	done
	# One too many would come with the next edge at the latest.
	sleep 1
	pulses=$(inside powerlogger export | grep -c PulseType=Import || true)
	echo "$1: $made made, $pulses counted"
	[ "$pulses" = "$made" ] || {
		inside journalctl -u powerlogger --no-pager -o short-precise | tail -n 60
		exit 1
	}
}

chip
boot
# There is no udev in here; its rule does the same.
inside groupadd --system --gid 997 gpio
inside chgrp gpio "$device"
inside chmod 0660 "$device"
mkdir -p "$place/root/etc/systemd/system/powerlogger.service.d"
printf '[Service]\nWatchdogSec=10\n' >"$place/root/etc/systemd/system/powerlogger.service.d/watchdog.conf"
install_package
[ "$(property ActiveState)" = active ] || die "it does not start: $(inside journalctl -u powerlogger --no-pager)"
[ "$(property NFileDescriptorStore)" = 3 ] || die "systemd does not keep three lines"
pulses 20
counted "started"
for round in 1 2 3; do
	pulses 40
	sleep 1.3
	inside systemctl restart powerlogger
	counted "restart $round"
done
pulses 60
sleep 1
install_package
counted "upgrade"
for round in 1 2 3; do
	pulses 40
	sleep "1.$round"
	inside systemctl kill --kill-whom=main --signal=KILL powerlogger
	counted "kill -9, $round"
done
restarts=$(property NRestarts)
pulses 60
sleep 1
inside systemctl kill --kill-whom=main --signal=STOP powerlogger
for _ in $(seq 100); do
	[ "$(property NRestarts)" = "$restarts" ] || break
	sleep 0.5
done
[ "$(property NRestarts)" != "$restarts" ] || die "the watchdog does not bite"
counted "watchdog"
inside powerlogger losses
