#!/usr/bin/env bash
# Runs the whole test suite with the race detector and, where the recordings are, once more without it the packages
# that measure accuracies on them: with it they would take ten times as long, for numbers that are the same. Closes with
# the runner's own lines. go vet is among the linters of `make lint`.
set -euo pipefail
cd "$(dirname "$0")/.."

measured=$(go list ./decoders/... ./internal/lab/...)
others=$(go list ./... | grep -vxF "$measured")
left_out=$(awk -F '[ (]' '/^func Test/ { name = $2 } /race\.LeaveOut\(t/ { print name }' test/*_test.go | paste -sd '|')
recordings=false
if [ -d "${NEUROD_EEG_DATA:-}" ]; then
	recordings=true
	export NEUROD_EEG_REQUIRED=1
	echo "recordings: $NEUROD_EEG_DATA"
fi

failed=0
pass() { go test -vet=off "$@" || failed=1; } # the others tell of more
# What is measured on recordings takes a processor for long and waits for nothing: it gives way to all else, and is told of at the end.
if $recordings; then
	told=$(mktemp)
	nice -n 19 go test -vet=off -p 1 -timeout 60m "$@" ./internal/lab/results $measured >"$told" 2>&1 &
	measurement=$!
	trap 'kill "$measurement" 2>/dev/null || true; rm -f "$told"' EXIT
fi
# What starts servers, browsers and clients has the machine for itself: beside other packages it would be late for what happens by the clock.
apart="./test ./test/clients ./test/console"
CGO_ENABLED=1 go list -race -export ./... >/dev/null # compiles
CGO_ENABLED=1 pass -race -p 1 -parallel 4 -timeout 45m "$@" $apart
CGO_ENABLED=1 pass -race -parallel 4 -timeout 30m "$@" ./internal/store ./workers $(grep -vxF "$(go list $apart)" <<<"$others")
NEUROD_EEG_REQUIRED= NEUROD_EEG_DATA=none CGO_ENABLED=1 pass -race -parallel 4 -timeout 25m "$@" $measured
pass -timeout 25m -run "^($left_out)\$" "$@" ./test
pass -timeout 10m -run Hostile "$@" ./tools/hostile
if $recordings; then
	wait "$measurement" || failed=1
	cat "$told"
else
	echo "*** NO RECORDINGS: NEUROD_EEG_DATA (${NEUROD_EEG_DATA:-unset}) is not a folder; the suites on real recordings were skipped. ***"
fi
exit $failed
