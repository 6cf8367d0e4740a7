#!/usr/bin/env bash
# Pins the newest versions of everything in requirements.in into requirements.lock.
set -euo pipefail
cd "$(dirname "$0")/.."
"$(scripts/uv.sh)" pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header requirements.in -o requirements.lock
