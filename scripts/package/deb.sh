#!/bin/sh
# Makes the Debian packages: scripts/package/deb.sh [ARCHITECTURE...]     (amd64 arm64 armhf)
#
# OUT (target/packages)   where they go
# BINARY ()               an already built binary, for one architecture, instead of building one
# VERSION ()              of the packages, instead of that of Cargo.toml and the commit
# COMPRESS (xz)           how: none is quick
# MAINTAINER              who stands in the packages
#
# The same sources give the same bytes (SOURCE_DATE_EPOCH, POWERLOGGER_COMMIT: those of the commit).
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=scripts/package/common.sh
. scripts/package/common.sh

OUT=${OUT:-target/packages}
MAINTAINER=${MAINTAINER:-The PowerLogger authors <powerlogger@powerlogger.invalid>}
stamp
umask 022
export LC_ALL=C

# The version of a release is that of Cargo.toml; between releases it grows with the commits: towards the one that
# Cargo.toml announces (~git), or on from one that has its tag (+git).
deb_version() {
	if [ -n "${VERSION:-}" ]; then
		echo "$VERSION"
	elif [ -e .git ] && ! git describe --tags --exact-match --match "v$(version)" HEAD >/dev/null 2>&1; then
		side='~'
		! git describe --tags --match "v$(version)" HEAD >/dev/null 2>&1 || side=+
		echo "$(version)${side}git$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$(echo "$POWERLOGGER_COMMIT" | tr + .)"
	else
		version
	fi
}

programs() { # ARCHITECTURE BINARY
	put 0755 "$2" usr/bin/powerlogger
	manual "$1" "$2" "$work"
	for page in "$work"/man/*.1.gz; do
		put 0644 "$page" "usr/share/man/man1/${page##*/}"
	done
	put 0644 "$work/man/powerlogger.toml.5.gz" usr/share/man/man5/powerlogger.toml.5.gz
	put 0644 "$work/bash" usr/share/bash-completion/completions/powerlogger
	put 0644 "$work/zsh" usr/share/zsh/vendor-completions/_powerlogger
	put 0644 "$work/fish" usr/share/fish/vendor_completions.d/powerlogger.fish
}

system_files() {
	sed 's|^ExecStart=/usr/local/bin/|ExecStart=/usr/bin/|' dist/systemd/powerlogger.service >"$work/unit"
	put 0644 "$work/unit" usr/lib/systemd/system/powerlogger.service
	sed 's|^ExecStart=/usr/local/bin/|ExecStart=/usr/bin/|' dist/systemd/powerlogger-backup.service >"$work/unit"
	put 0644 "$work/unit" usr/lib/systemd/system/powerlogger-backup.service
	put 0644 dist/systemd/powerlogger-backup.timer usr/lib/systemd/system/powerlogger-backup.timer
	put 0644 dist/sysusers.d/powerlogger.conf usr/lib/sysusers.d/powerlogger.conf
	put 0644 dist/tmpfiles.d/powerlogger.conf usr/lib/tmpfiles.d/powerlogger.conf
	put 0644 dist/udev/60-powerlogger-gpio.rules usr/lib/udev/rules.d/60-powerlogger-gpio.rules
	put 0644 dist/powerlogger.toml etc/powerlogger/powerlogger.toml
	put 0644 .env.example usr/share/powerlogger/env.example
	find dist/grafana -type f | sort | while read -r file; do
		put 0644 "$file" "usr/share/powerlogger/${file#dist/}"
	done
}

# The section of a version in CHANGELOG.md, in Debian's form; between releases the newest one that says something.
changelog() { # VERSION
	printf 'powerlogger (%s) stable; urgency=medium\n\n' "$1"
	awk -v ours="## [$1] " 'FNR == NR { known += index($0, ours) == 1; next }
		/^## / { if (line) exit; on = !known || index($0, ours) == 1; next }
		!on { next }
		/^\* / { if (line) print line; line = substr($0, 3); next }
		/^  / { line = line " " substr($0, 3) }
		END { print line }' CHANGELOG.md CHANGELOG.md |
		while read -r line; do
			echo "$line" | fold -s -w 74 | sed '1s/^/  * /; 2,$s/^/    /; s/ *$//'
		done
	printf '\n -- %s  %s\n' "$MAINTAINER" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

documents() { # ARCHITECTURE VERSION
	doc=usr/share/doc/powerlogger
	changelog "$2" >"$work/changelog"
	gzip -9n "$work/changelog"
	put 0644 "$work/changelog.gz" $doc/changelog.gz
	scripts/package/copyright.sh "$(triple "$1")" >"$work/copyright"
	put 0644 "$work/copyright" $doc/copyright
	documentation $doc
}

# The oldest glibc that has all that the binary asks for.
glibc() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1; }

control() { # ARCHITECTURE VERSION GLIBC
	mkdir "$root/DEBIAN"
	cat >"$root/DEBIAN/control" <<-END
		Package: powerlogger
		Version: $2
		Architecture: $1
		Maintainer: $MAINTAINER
		Installed-Size: $(du -k -s --apparent-size "$root" | cut -f 1)
		Depends: libc6 (>= $3), libgcc-s1 (>= 4.2), init-system-helpers (>= 1.54~), systemd | systemd-standalone-sysusers | systemd-sysusers, systemd | systemd-standalone-tmpfiles | systemd-tmpfiles
		Recommends: ca-certificates
		Suggests: gpiod, influxdb2
		Section: utils
		Priority: optional
		Description: logger for the pulses of electricity meters
		 PowerLogger turns a Raspberry Pi, or any Linux board with GPIO, into a meter
		 logger that can be trusted with a bill. Optical or S0 pulses of import, export
		 and generation meters are stamped by the kernel, kept in SQLite before
		 anything else is done with them, rolled up to 1 minute, 5 minutes and 1 hour,
		 and delivered to InfluxDB 2 whatever the network does. Restarts lose no pulse.
	END
	echo /etc/powerlogger/powerlogger.toml >"$root/DEBIAN/conffiles"
	for script in postinst prerm postrm; do
		install -m 0755 "dist/deb/$script" "$root/DEBIAN/$script"
	done
	(cd "$root" && find usr -type f | sort | xargs md5sum) >"$root/DEBIAN/md5sums"
	chmod 0644 "$root/DEBIAN/control" "$root/DEBIAN/conffiles" "$root/DEBIAN/md5sums"
}

package() { # ARCHITECTURE
	binary=${BINARY:-}
	[ -n "$binary" ] || binary=$(scripts/package/build.sh "$1" --bin powerlogger)
	needs=$(glibc "$binary")
	[ "$(printf '2.34\n%s\n' "$needs" | sort -V | tail -n 1)" = 2.34 ] ||
		[ -n "${BINARY:-}" ] || die "$binary needs glibc $needs; 2.34 must do"
	version=$(deb_version)
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	root=$work/root
	mkdir "$root"
	programs "$1" "$binary"
	system_files
	documents "$1" "$version"
	control "$1" "$version" "$needs"
	date_back
	mkdir -p "$OUT"
	file=$OUT/powerlogger_${version}_$1.deb
	dpkg-deb --root-owner-group --uniform-compression "-Z${COMPRESS:-xz}" --build "$root" "$file" >&2
	rm -rf "$work"
	echo "$file"
}

[ $# != 0 ] || set -- amd64 arm64 armhf
for one; do
	package "$one"
done
