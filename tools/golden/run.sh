#!/bin/sh
# Writes every golden again. Builds a virtual environment from requirements.txt under dist/ at the first call and when
# the requirements change; GOLDEN_PYTHON names another interpreter that has the packages. Arguments choose scripts by name.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${GOLDEN_PYTHON:-}" ]; then
	venv=dist/golden
	if ! cmp -s tools/golden/requirements.txt "$venv/requirements.txt"; then
		python3 -m venv "$venv"
		"$venv/bin/pip" install --quiet --requirement tools/golden/requirements.txt
		cp tools/golden/requirements.txt "$venv/requirements.txt"
	fi
	GOLDEN_PYTHON=$venv/bin/python
fi
if [ $# -eq 0 ]; then
	# Modules that other scripts only import have no main.
	set -- $(grep -l '^if __name__ == "__main__":' tools/golden/*.py | xargs -n 1 basename | sed 's/\.py$//')
fi
for script; do
	echo "== $script"
	PYTHONDONTWRITEBYTECODE=1 "$GOLDEN_PYTHON" "tools/golden/$script.py"
done
