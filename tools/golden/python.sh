#!/bin/sh
# Runs Python with the packages of requirements.txt: python.sh SCRIPT [ARGUMENT...]. Builds a virtual environment under
# dist/ at the first call and when the requirements change; GOLDEN_PYTHON names another interpreter that has the packages.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${GOLDEN_PYTHON:-}" ]; then
	venv=dist/golden
	if ! cmp -s tools/golden/requirements.txt "$venv/requirements.txt"; then
		if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
			echo "python.sh: needs Python 3.11 or later as python3" >&2
			exit 1
		fi
		echo "python.sh: building $venv with the packages of tools/golden/requirements.txt" >&2
		python3 -m venv "$venv" >&2
		"$venv/bin/pip" install --quiet --requirement tools/golden/requirements.txt >&2
		cp tools/golden/requirements.txt "$venv/requirements.txt"
	fi
	GOLDEN_PYTHON=$venv/bin/python
fi
export PYTHONDONTWRITEBYTECODE=1
exec "$GOLDEN_PYTHON" "$@"
