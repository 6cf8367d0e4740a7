#!/bin/sh
# Writes every golden again, with the interpreter of python.sh. Arguments choose scripts by name.
set -eu
cd "$(dirname "$0")/../.."
if [ $# -eq 0 ]; then
	# Modules that other scripts only import have no main.
	set -- $(grep -l '^if __name__ == "__main__":' tools/golden/*.py | xargs -n 1 basename | sed 's/\.py$//')
fi
for script; do
	echo "== $script"
	tools/golden/python.sh "tools/golden/$script.py"
done
