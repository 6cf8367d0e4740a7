#!/usr/bin/env bash
# Runs the whole test suite with the race detector and closes with the runner's own count.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -d "${NEUROD_EEG_DATA:-}" ]; then
	echo "recordings: $NEUROD_EEG_DATA"
else
	echo "*** NO RECORDINGS: NEUROD_EEG_DATA (${NEUROD_EEG_DATA:-unset}) is not a folder; the suites on real recordings are skipped. ***"
fi

CGO_ENABLED=1 go test -race -timeout 20m "$@" ./...
