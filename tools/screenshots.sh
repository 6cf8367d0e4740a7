#!/usr/bin/env bash
# Takes the pictures of README.md anew into docs/images, from a server of its own: needs bin/neurod with the console, Node and Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/node.sh
need_node
data=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
env NEUROD_PORT="$port" NEUROD_DATA_DIR="$data" NEUROD_RATE_LIMIT_SESSIONS=0 NEUROD_RATE_LIMIT_DECODE=0 NEUROD_RATE_LIMIT_ACCOUNTS=0 bin/neurod serve >"$data/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 150); do curl -sf "http://127.0.0.1:$port/healthz" >/dev/null && break; sleep 0.2; done
NEUROD_DATA_DIR="$data" bin/neurod operators add demo@voxel.dev >/dev/null
mkdir -p docs/images
NEUROD_TEST_PAIR=embedded NEUROD_TEST_URL="http://127.0.0.1:$port" node web/tools/screenshots.mjs docs/images
ls -l docs/images
