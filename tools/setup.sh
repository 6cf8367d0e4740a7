#!/usr/bin/env bash
# Makes a fresh Debian or Ubuntu machine able to run the tests: Go modules, a C compiler (the race
# detector needs one), PostgreSQL and Redis. Installs only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
for tool in curl jq python3; do # the commands of the documents are run by a test
	command -v "$tool" >/dev/null || missing+=("$tool")
done
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv) # the Python client is tested in environments of its own
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto) # an example of the Python client sends to it
command -v node >/dev/null || missing+=(nodejs npm) # the TypeScript client is built and tested with it
if ! command -v chromium chromium-browser google-chrome >/dev/null; then # its pages are tested in a browser
	missing+=(chromium)
fi
command -v redis-server >/dev/null || missing+=(redis-server)
if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
	missing+=(postgresql)
fi

if ((${#missing[@]})); then
	if ! command -v apt-get >/dev/null; then
		echo "setup: please install: ${missing[*]}" >&2
		exit 1
	fi
	as_root=()
	if ((EUID != 0)); then as_root=(sudo); fi
	echo "setup: installing ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	"${as_root[@]}" apt-get update -qq
	# The tests start servers of their own on free ports; the packages' services must not start by themselves.
	"${as_root[@]}" env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null
fi

go mod download
