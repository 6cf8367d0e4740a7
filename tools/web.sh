#!/usr/bin/env bash
# Builds the console into internal/console/dist, from where the program embeds it. Where Node is missing or too old the program is built
# without it, and its first page says how to build it. Third-party code comes from npm as web/package-lock.json pins it.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/node.sh

into=$PWD/internal/console/dist
if ! node_new_enough; then
	echo "console: no Node 20 or later: the program is built without the console (make setup installs it)" >&2
	exit 0
fi

# What the console is made of has a name, so that an unchanged one is not built again.
made_of=$(find web sdk/typescript tools/web.sh -type f ! -path '*/node_modules/*' ! -path '*/dist/*' ! -path 'sdk/typescript/lib/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum)
if [ "${1:-}" != --deps ] && [ -f "$into/index.html" ] && [ "$(cat "$into/.made-of" 2>/dev/null)" = "$made_of" ]; then exit 0; fi

cd web
if ! cmp -s package-lock.json node_modules/.neurod-lock; then
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	cp package-lock.json node_modules/.neurod-lock
fi
# The client of the service is the package that this tree builds, as its users get it.
../sdk/typescript/build.sh
rm -rf node_modules/@neurod/sdk && mkdir -p node_modules/@neurod/sdk
tar xzf ../sdk/typescript/dist/neurod-sdk-*.tgz -C node_modules/@neurod/sdk --strip-components=1
if [ "${1:-}" = --deps ]; then exit 0; fi

find "$into" -mindepth 1 ! -name README -delete
CONSOLE_OUT=$into npm run --silent build -- --logLevel warn
echo "$made_of" >"$into/.made-of"
