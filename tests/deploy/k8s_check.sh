#!/usr/bin/env bash
# `./dev k8s-check`: all that can be said of deploy/k8s without a cluster. The policy, the README's
# commands, the API server's own decoding and pod admission on every overlay (with the schemas of the
# Prometheus operator and KEDA), and with --server a real kube-apiserver that takes it all. What is
# needed is built from Go modules, pinned in tests/deploy/go, into a cache outside of the clone: some
# minutes, once; half an hour of CPU for the server.
# Use: k8s_check.sh [--server]      SAGAD_TOOLS: where etcd is

set -euo pipefail
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
modules=$root/tests/deploy/go
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sagad/k8s
prometheus_operator=github.com/prometheus-operator/prometheus-operator@v0.85.0
keda=github.com/kedacore/keda/v2@v2.18.0
passed=0
failed=0

say() {
	printf '==> %s\n' "$*"
}

# The folder's name tells all that went into it.
tools=$cache/$(cat "$modules"/go.{mod,sum} "$modules"/*/*.go | sha256sum | cut -c 1-12)

# build <program> <package>
build() {
	[ ! -x "$tools/$1" ] || return 0
	say "building $1 into $tools"
	mkdir -p "$tools"
	(cd "$modules" && go build -mod=readonly -trimpath -buildvcs=false -o "$tools/$1.part" "$2")
	mv "$tools/$1.part" "$tools/$1"
}

# module <path@version>: its folder in Go's cache
module() {
	(cd / && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p'
}

# step <what> <command>...
step() {
	say "$1"
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		printf 'failed: %s\n' "$*" >&2
		failed=$((failed + 1))
	fi
}

render() {
	PYTHONPATH=$root/tests/deploy /usr/bin/python3 -c 'import subprocess, sys, k8s_render
sys.exit(subprocess.run([*k8s_render.renderer(), sys.argv[1]]).returncode)' "$1"
}

overlays() {
	PYTHONPATH=$root/tests/deploy /usr/bin/python3 -c 'import k8s_render; print(*k8s_render.OVERLAYS, sep="\n")'
}

admitted() {
	local overlay status=0
	while read -r overlay; do
		echo "$overlay"
		render "$root/$overlay" | "$tools/admission" "${crd_flags[@]}" || status=1
	done < <(overlays)
	return "$status"
}

# Each change must be found.
admission_looks() {
	local change
	while read -r change; do
		if render "$root/deploy/k8s/overlays/production" | sed "$change" |
			"$tools/admission" "${crd_flags[@]}" >/dev/null; then
			echo "not found: $change"
			return 1
		fi
	done <<'END_OF_CHANGES'
s/readOnlyRootFilesystem/readOnlyRootFileSystem/
s/minReadySeconds: 10/minReadySeconds: ten/
s/runAsNonRoot: true/runAsNonRoot: false/
s/allowPrivilegeEscalation: false/allowPrivilegeEscalation: true/
s/- ALL/- NET_RAW/
s/scrapeTimeout/scrapeTimout/
s/interval: 15s/interval: often/
s/kind: StatefulSet/kind: StateSet/
END_OF_CHANGES
}

# The example's configuration is read by nats-server itself; sync_interval: always is known to newer
# ones only.
nats_configured() {
	local server=$1 file status=0
	for file in deploy/k8s/examples/nats/nats.conf deploy/k8s/overlays/dev/nats.conf; do
		POD_NAME=nats-0 "$server" -t -c "$root/$file" || status=1
	done
	return "$status"
}

newest_nats() {
	compgen -G "${XDG_CACHE_HOME:-$HOME/.cache}/sagad/servers/*/usr/sbin/nats-server" | head -n 1
}

command -v go >/dev/null || { echo "k8s_check: no go here" >&2; exit 69; }
if ! PYTHONPATH=$root/tests/deploy /usr/bin/python3 -c 'import k8s_render; assert k8s_render.renderer()' 2>/dev/null; then
	build kustomize sigs.k8s.io/kustomize/kustomize/v5
	export SAGAD_KUSTOMIZE=$tools/kustomize
fi
build admission ./admission
operator_folder=$(module "$prometheus_operator")/example/prometheus-operator-crd
crds=(
	"$operator_folder/monitoring.coreos.com_podmonitors.yaml"
	"$operator_folder/monitoring.coreos.com_prometheusrules.yaml"
	"$(module "$keda")/config/crd/bases/keda.sh_scaledobjects.yaml"
)
crd_flags=()
for crd in "${crds[@]}"; do
	crd_flags+=(--crd "$crd")
done

step "policy of every overlay" "$root/tests/deploy/test_k8s_policy.py" "$root"
step "commands of deploy/k8s/README.md" "$root/tests/deploy/k8s_readme.py" "$root"
step "decoding, schemas and pod admission" admitted
step "what admission must find" admission_looks
if nats=$(newest_nats) && [ -n "$nats" ]; then
	step "configuration of NATS, read by $("$nats" --version)" nats_configured "$nats"
else
	say "configuration of NATS: skipped, ./dev test --servers=latest builds a server that knows it"
fi
if [ "${1:-}" = --server ]; then
	build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver
	step "a kube-apiserver takes every overlay" "$root/tests/deploy/k8s_server.py" "$root" \
		"$tools/kube-apiserver" "$SAGAD_TOOLS/usr/bin/etcd" "${crds[@]}"
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
