#!/usr/bin/env bash
# Builds the clients into sdk/python/dist and sdk/typescript/dist, and puts them where the program embeds them from, so that a server
# gives out clients of its own version. A language that is missing, or too old, is left out and said so.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/node.sh

into=internal/clients/dist
find "$into" -type f ! -name README -delete

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
	sdk/python/build.sh
	cp sdk/python/dist/neurod_client-*.whl sdk/python/dist/neurod_client-*.tar.gz "$into/"
else
	echo "sdk: no Python 3.10 or later: the Python client is left out" >&2
fi

if node_new_enough; then
	sdk/typescript/build.sh
	cp sdk/typescript/dist/neurod-sdk-*.tgz "$into/"
else
	echo "sdk: no Node 20 or later: the TypeScript client is left out (make setup installs it)" >&2
fi
ls -l "$into"
