#!/usr/bin/env bash
# Writes the generated code of the GraphQL API from api/schema.graphql; with -check it changes nothing and fails when that is not current.
set -euo pipefail
cd "$(dirname "$0")/../graphqlapi"
files=(generated/generated.go entity/types_gen.go)

if [ "${1:-}" != -check ]; then
	exec go tool gqlgen generate --config gqlgen.yml
fi
kept=$(mktemp -d)
restore() { for f in "${files[@]}"; do cp "$kept/$(basename "$f")" "$f"; done; rm -rf "$kept"; }
for f in "${files[@]}"; do cp "$f" "$kept/"; done
trap restore EXIT
go tool gqlgen generate --config gqlgen.yml
for f in "${files[@]}"; do
	cmp -s "$f" "$kept/$(basename "$f")" || { echo "graphqlapi/$f is not what api/schema.graphql makes: run make generate"; exit 1; }
done
