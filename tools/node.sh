# To be sourced: puts the Node that tools/setup.sh has installed, where that of the machine is too old, before it on PATH.
node_home="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/node"
if [ -x "$node_home/node_modules/.bin/node" ]; then PATH="$node_home/node_modules/.bin:$PATH"; fi
export PATH

# node_new_enough tells whether there is a Node that the TypeScript client can be built with.
node_new_enough() { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null; }

# need_node ends the script where there is none, and says what to do.
need_node() {
	if node_new_enough; then return; fi
	echo "the TypeScript client needs Node 20 or later with npm, and here is $(node --version 2>/dev/null || echo none): make setup installs it" >&2
	exit 1
}
