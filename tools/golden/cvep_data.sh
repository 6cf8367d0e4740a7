#!/bin/sh
# Lays the five people's c-VEP recordings that PyntBCI 1.8.0 ships (Thielen et al. 2021, BSD-3-Clause) into DIR/cvep/thielen2021 for
# `neurod evaluate --data DIR`: cvep_data.sh [DIR]. DIR is dist/cvep where none is named. Needs Python's pip; what is there already is kept.
set -eu
cd "$(dirname "$0")/../.."
to=${1:-dist/cvep}/cvep/thielen2021
if [ "$(ls "$to"/*.npz 2>/dev/null | wc -l)" -eq 5 ]; then
	exit 0
fi
mkdir -p "$to"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" "$(grep '^pyntbci==' tools/golden/requirements.txt)" >&2
python3 -m zipfile -e "$work"/pyntbci-*.whl "$work/wheel"
cp "$work"/wheel/pyntbci/data/thielen2021_*.npz "$to"
