#!/usr/bin/env bash
# Writes what is generated: src/openapi.ts from api/openapi.yaml, and docs/reference/typescript.md from the comments in src. Needs Node 20 or later.
set -euo pipefail
cd "$(dirname "$0")"
. ../../tools/node.sh
need_node
tools/install.sh
npm run --silent types
npm run --silent reference
