#!/usr/bin/env bash
# Runs the whole test suite with the race detector, then, where the recordings are, once more without it what is too
# slow under it: the accuracies on real recordings. Closes with the runner's own lines.
set -euo pipefail
cd "$(dirname "$0")/.."

CGO_ENABLED=1 go test -race -timeout 25m "$@" ./...
go test -timeout 10m -run ExportMemory "$@" ./test # the race detector changes what is held
go test -timeout 10m -run Hostile "$@" ./tools/hostile

if [ -d "${NEUROD_EEG_DATA:-}" ]; then
	echo "recordings: $NEUROD_EEG_DATA; accuracies without the race detector:"
	NEUROD_EEG_REQUIRED=1 go test -timeout 25m "$@" ./decoders/... ./internal/lab/results ./internal/lab/training ./internal/lab/datasets
	NEUROD_EEG_REQUIRED=1 go test -timeout 25m -run 'Recordings|Import' "$@" ./test
else
	echo "*** NO RECORDINGS: NEUROD_EEG_DATA (${NEUROD_EEG_DATA:-unset}) is not a folder; the suites on real recordings were skipped. ***"
fi
