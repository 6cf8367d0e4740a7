#!/usr/bin/env bash
# Installs what the package is built with, as package-lock.json pins it, unless it is there.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! cmp -s package-lock.json node_modules/.neurod-lock; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.neurod-lock
fi
