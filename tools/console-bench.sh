#!/usr/bin/env bash
# Measures the console against a server of its own (web/tools/bench.mjs): needs bin/neurod with the console, Node and Chromium.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/node.sh
need_node
data=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
env NEUROD_PORT="$port" NEUROD_DATA_DIR="$data" NEUROD_RATE_LIMIT_SESSIONS=0 NEUROD_RATE_LIMIT_ACCOUNTS=0 NEUROD_RATE_LIMIT_ADDRESS=0 bin/neurod serve >"$data/log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 150); do curl -sf "$url/healthz" >/dev/null && break; sleep 0.2; done
of() { python3 -c "import json, sys; d = json.load(sys.stdin); print((d[0] if isinstance(d, list) else d)['$1'])"; }
token=$(curl -s -X POST "$url/v1/auth/login" -H 'Content-Type: application/json' -d '{"email":"demo@voxel.dev","password":"demo1234"}' | of access_token)
project=$(curl -s "$url/v1/projects" -H "Authorization: Bearer $token" | of id)
key=$(curl -s -X POST "$url/v1/projects/$project/keys" -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{"name":"bench"}' | of raw_key)
NEUROD_TEST_PAIR=embedded NEUROD_TEST_URL="$url" NEUROD_TEST_EMAIL=demo@voxel.dev NEUROD_TEST_PASSWORD=demo1234 NEUROD_TEST_PROJECT_ID="$project" NEUROD_TEST_API_KEY="$key" node web/tools/bench.mjs
