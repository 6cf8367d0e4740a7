#!/usr/bin/env bash
# Builds the npm package into dist: neurod-sdk-VERSION.tgz. Needs Node 20 or later.
set -euo pipefail
cd "$(dirname "$0")"
. ../../tools/node.sh
need_node
tools/install.sh
npm run --silent build
rm -rf dist && mkdir dist
npm pack --silent --pack-destination dist
