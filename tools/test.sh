#!/usr/bin/env bash
# Runs the whole test suite with the race detector, then, where the recordings are, once more without it the packages
# that measure accuracies on them: with it they would take ten times as long, for numbers that are the same. Closes with
# the runner's own lines. go vet is among the linters of `make lint`.
set -euo pipefail
cd "$(dirname "$0")/.."

measured=$(go list ./decoders/... ./internal/lab/...)
others=$(go list ./... | grep -vxF "$measured")
# Many tests wait: for a lease to end, or a server to come back. The longest packages come first.
CGO_ENABLED=1 go test -vet=off -race -parallel 4 -timeout 45m -skip '^TestFiveTrials' "$@" ./test ./test/clients ./internal/store ./workers ./test/console $others
NEUROD_EEG_DATA=none CGO_ENABLED=1 go test -vet=off -race -parallel 4 -timeout 25m "$@" $measured
# The race detector changes how much memory is held, and has trainings take ten times as long.
go test -vet=off -timeout 15m -run 'ExportMemory|FiveTrialsOnTop' "$@" ./test
go test -vet=off -timeout 10m -run Hostile "$@" ./tools/hostile

if [ -d "${NEUROD_EEG_DATA:-}" ]; then
	echo "recordings: $NEUROD_EEG_DATA; accuracies without the race detector:"
	NEUROD_EEG_REQUIRED=1 go test -vet=off -timeout 25m "$@" ./internal/lab/results $measured
	NEUROD_EEG_REQUIRED=1 go test -vet=off -timeout 25m -run 'Recordings|Import' "$@" ./test
else
	echo "*** NO RECORDINGS: NEUROD_EEG_DATA (${NEUROD_EEG_DATA:-unset}) is not a folder; the suites on real recordings were skipped. ***"
fi
