#!/usr/bin/env bash
# The systemd unit: systemd itself finds nothing wrong and little exposed, what it promises stands
# in it, and sagad takes its environment. Then each promise is broken in a copy, which must be seen.
# Use: systemd.sh <root of the tree> <sagad>

set -euo pipefail
export LC_ALL=C
root=$1
sagad=$2
exit_skip=77
exposure_max=20 # tenths; systemd calls up to 4.9 "OK"

if ! command -v systemd-analyze >/dev/null; then
	echo "systemd.sh: no systemd-analyze here: Debian package systemd" >&2
	exit "$exit_skip"
fi
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sagad-systemd.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

promises='
Type=notify
NotifyAccess=main
DynamicUser=yes
StateDirectory=sagad
ProtectSystem=strict
NoNewPrivileges=yes
CapabilityBoundingSet=
MemoryDenyWriteExecute=yes
KillMode=mixed
Restart=on-failure
RestartPreventExitStatus=2 3 4
Environment=SAGAD_DATA_DIR=/var/lib/sagad
Environment=SAGAD_HTTP_LISTEN=127.0.0.1:9180 SAGAD_HTTP_METRICS_LISTEN=127.0.0.1:9181
WantedBy=multi-user.target
'

# value <unit> <setting>: the last one, as systemd takes it
value() {
	sed -n "s/^$2=//p" "$1" | tail -n 1
}

# Says what is wrong with a unit, one finding a line.
findings() {
	local unit=$1 promise stop drain watchdog said
	while read -r promise; do
		[ -z "$promise" ] || grep -qxF -- "$promise" "$unit" || echo "not there: $promise"
	done <<<"$promises"
	stop=$(value "$unit" TimeoutStopSec)
	drain=$(sed -n 's/^Environment=SAGAD_STOP_TIMEOUT=\([0-9]*\)s$/\1/p' "$unit")
	[ "$stop" = "$((${drain:-0} + 20))" ] ||
		echo "TimeoutStopSec=$stop is not stop_timeout (${drain:-none}) + 20"
	watchdog=$(value "$unit" WatchdogSec)
	[ "${watchdog:-0}" -gt 0 ] || echo "no watchdog"
	sed "s|^ExecStart=/usr/bin/sagad |ExecStart=$sagad |" "$unit" >"$scratch/verify/sagad.service"
	said=$(systemd-analyze verify "$scratch/verify/sagad.service" 2>&1) || echo "verify failed"
	[ -z "$said" ] || echo "verify: $said"
	said=$(systemd-analyze security --no-pager --offline=true --threshold="$exposure_max" \
		"$unit" 2>&1) || echo "$said" | tail -n 1
}

# With its file and folder moved to where the test may write.
check_environment() {
	local settings=()
	mapfile -t settings < <(sed -n 's/^Environment=\(SAGAD_\)/\1/p' "$1" | tr ' ' '\n' |
		sed "s|/var/lib/sagad|$scratch/state|")
	echo 'nats.url: nats://127.0.0.1:4222' >"$scratch/sagad.yaml"
	env "${settings[@]}" "$sagad" --config "$scratch/sagad.yaml" --check
}

mkdir "$scratch/verify"
unit=$root/deploy/systemd/sagad.service
found=$(findings "$unit")
if [ -n "$found" ]; then
	echo "$found"
	exit 1
fi
check_environment "$unit"
systemd-analyze security --no-pager --offline=true "$unit" | tail -n 1

# Each line is a change that a promise does not survive.
changes=0
while read -r change; do
	[ -n "$change" ] || continue
	changes=$((changes + 1))
	sed "$change" "$unit" >"$scratch/sagad.service"
	if cmp -s "$unit" "$scratch/sagad.service"; then
		echo "changes nothing: $change"
		exit 1
	fi
	if [ -z "$(findings "$scratch/sagad.service")" ]; then
		echo "not seen: $change"
		exit 1
	fi
done <<'END_OF_CHANGES'
s/^Type=notify/Type=simple/
/^NotifyAccess=/d
/^DynamicUser=/d
s/^ProtectSystem=strict/ProtectSystem=full/
/^NoNewPrivileges=/d
s/^CapabilityBoundingSet=$/CapabilityBoundingSet=CAP_SYS_ADMIN/
s/^MemoryDenyWriteExecute=yes/MemoryDenyWriteExecute=no/
s/^TimeoutStopSec=.*/TimeoutStopSec=60/
s/^Environment=SAGAD_STOP_TIMEOUT=.*/Environment=SAGAD_STOP_TIMEOUT=90s/
/^WatchdogSec=/d
s/^RestartPreventExitStatus=.*/RestartPreventExitStatus=2/
s/^Restart=on-failure/Restart=no/
/^StateDirectory=/d
/^KillMode=/d
s/^WatchdogSec=/WatchdogSecond=/
/^ExecStart=/d
s/^\(User\|DynamicUser\)=.*/DynamicUser=maybe/
/^PrivateUsers\|^ProtectKernel\|^PrivateDevices\|^SystemCallFilter\|^RestrictNamespaces\|^ProtectProc/d
END_OF_CHANGES
echo "systemd: nothing found, and $changes changes seen"
