#!/usr/bin/env bash
# The judge of alert rules and of the dashboards' queries is Prometheus itself.
# Use: test_prometheus.sh <root of the tree>; 77 = there is no promtool.
set -euo pipefail
export LC_ALL=C

root=$1
promtool=${SAGAD_TOOLS:-$root/.tools}/usr/bin/promtool
[ -x "$promtool" ] || promtool=$root/.tools/usr/bin/promtool
[ -x "$promtool" ] || promtool=$(command -v promtool) || {
	echo "no promtool in SAGAD_TOOLS, .tools or PATH"
	exit 77
}
cd "$root/deploy/prometheus"
"$promtool" check rules sagad.rules.yml
"$promtool" test rules sagad.rules.test.yml

# Each query as a recording rule, with Grafana's variables filled in.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for board in "$root"/deploy/grafana/*.json; do
	{
		printf 'groups:\n  - name: board\n    rules:\n'
		# shellcheck disable=SC2016 # they are Grafana's
		sed -n 's/^ *"expr": \(".*"\),\{0,1\}$/\1/p' "$board" |
			sed -e 's/\$__rate_interval/5m/g' -e 's/\$instance/.*/g' |
			awk '{ printf "      - record: query:%d\n        expr: %s\n", NR, $0 }'
	} >"$scratch/board.yml"
	if [ "$(grep -c 'expr:' "$scratch/board.yml")" -lt 20 ]; then
		echo "$board: too few queries were found"
		exit 1
	fi
	if grep -n '\$' "$scratch/board.yml"; then
		echo "$board: a variable that this test does not know"
		exit 1
	fi
	"$promtool" check rules "$scratch/board.yml"
done
