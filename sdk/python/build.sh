#!/usr/bin/env bash
# Builds wheel and sdist into dist/ (or the folder given).
set -euo pipefail
cd "$(dirname "$0")"
out=${1:-dist}
uv=$(scripts/uv.sh)
export UV_CACHE_DIR=${UV_CACHE_DIR:-${NEUROD_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neurod-clients}/uv-cache}
rm -rf "$out"/neurod_client-*
# The build requirements are pinned in pyproject.toml; SOURCE_DATE_EPOCH makes the same source the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1767225600)} "$uv" build --quiet --no-config --out-dir "$out" .
rm -f "$out/.gitignore"
ls -l "$out"
