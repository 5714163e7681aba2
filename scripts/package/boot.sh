#!/bin/bash
# Boots a Debian root with its own systemd: scripts/package/boot.sh ROOT CGROUP. Used by check.sh; as root.
# CGROUP is an empty group of the unified hierarchy. The system has namespaces of its own (processes, mounts,
# network, names) and ends with this process.
set -euo pipefail
root=${1:?a Debian root}
group=${2:?a cgroup}

if [ "${3:-}" != inside ]; then
	echo $$ >"$group/cgroup.procs"
	ipc=--ipc
	unshare --ipc true 2>/dev/null || ipc=
	exec unshare --fork --kill-child --pid --mount --uts $ipc --net --cgroup "$0" "$root" "$group" inside
fi

mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
for dir in run tmp dev; do
	mount -t tmpfs tmpfs "$root/$dir"
done
for device in /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/gpiochip*; do
	[ -e "$device" ] || continue
	touch "$root$device"
	mount --bind "$device" "$root$device"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
# Not chroot, and shared: systemd mounts credentials in a namespace from which they must come back.
cd "$root"
pivot_root . .
umount -l .
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --show-status=0 \
	--unit=multi-user.target
