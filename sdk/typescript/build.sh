#!/usr/bin/env bash
# Builds the npm package into dist: neurod-sdk-VERSION.tgz. Needs Node 20 or later; what is installed for it is pinned by package-lock.json.
set -euo pipefail
cd "$(dirname "$0")"
# npm ci always begins anew; what is there is taken where it is what the lock says.
if ! cmp -s package-lock.json node_modules/.neurod-lock; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.neurod-lock
fi
npm run --silent build
rm -rf dist && mkdir dist
npm pack --silent --pack-destination dist
