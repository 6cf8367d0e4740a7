#!/bin/sh
# Runs a program of the virtual environment of the peer's packages, peer.txt: peer.sh PROGRAM [ARGUMENT...]. Builds it under dist/ at the
# first call and when the packages change.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=$root/dist/peer
if ! cmp -s "$root/tools/bench/peer.txt" "$venv/requirements.txt"; then
	echo "peer.sh: building dist/peer with the packages of tools/bench/peer.txt" >&2
	python3 -m venv "$venv" >&2
	"$venv/bin/pip" install --quiet --requirement "$root/tools/bench/peer.txt" >&2
	cp "$root/tools/bench/peer.txt" "$venv/requirements.txt"
fi
program=$1
shift
export PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/$program" "$@"
