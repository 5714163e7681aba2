#!/bin/sh
# The installed service: scripts/service.sh start|stop|restart|status|logs|debug-on|debug-off
set -eu

unit=powerlogger
dropin=/etc/systemd/system/$unit.service.d/debug.conf

say() { echo "powerlogger: $*" >&2; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		say "this needs root, and there is no sudo"
		exit 1
	fi
}

command -v systemctl >/dev/null 2>&1 || {
	say "there is no systemd here; \`powerlogger run\` counts in the foreground"
	exit 1
}
systemctl cat "$unit" >/dev/null 2>&1 || {
	say "the service is not installed; run \`make install\` and \`make service-install\` first"
	exit 1
}

case ${1:-} in
start | stop | restart)
	as_root systemctl "$1" "$unit"
	say "$1: done"
	;;
status) systemctl status --no-pager "$unit" || exit $? ;;
logs) exec journalctl -u "$unit" -f -n 100 ;;
debug-on)
	as_root mkdir -p "$(dirname "$dropin")"
	printf '[Service]\nEnvironment=DEBUG=true\n' | as_root tee "$dropin" >/dev/null
	as_root systemctl daemon-reload
	as_root systemctl restart "$unit"
	say "debug messages are on (make service-logs shows them); \`make service-debug-off\` ends it"
	;;
debug-off)
	as_root rm -f "$dropin"
	as_root systemctl daemon-reload
	as_root systemctl restart "$unit"
	say "debug messages are off"
	;;
*)
	echo "usage: scripts/service.sh start|stop|restart|status|logs|debug-on|debug-off" >&2
	exit 2
	;;
esac
