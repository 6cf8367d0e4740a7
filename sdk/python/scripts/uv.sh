#!/usr/bin/env bash
# Prints the path of uv, the installer that builds and tests this package; fetches it once, by pip, into a folder that is kept.
set -euo pipefail
version=0.13.8
if [ -n "${UV:-}" ]; then echo "$UV"; exit; fi
cache=${NEUROD_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/neurod-clients}
uv=$cache/uv-$version/bin/uv
if [ ! -x "$uv" ]; then
	mkdir -p "$cache"
	fresh=$(mktemp -d "$cache/uv.XXXXXX")
	python3 -m venv "$fresh" >&2
	"$fresh/bin/pip" install --quiet "uv==$version" >&2
	mkdir -p "$cache/uv-$version/bin"
	# The program needs nothing of the environment that it came with.
	cp "$fresh/bin/uv" "$uv.$$" && mv "$uv.$$" "$uv"
	rm -rf "$fresh"
fi
echo "$uv"
