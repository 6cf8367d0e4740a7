// Package migrations holds the SQL that builds the database, embedded in the program and run by goose.
//
// There is one folder a dialect. Invariants, held by the conformance test of internal/store: both folders hold
// the same numbers under the same names, every migration goes up and down, and what is there at the end has
// exactly the columns that the entities of package models have fields for.
//
// A published migration never changes; a change is a new number.
package migrations

import "embed"

// FS holds the folders "postgres" and "sqlite".
//
//go:embed postgres/*.sql sqlite/*.sql
var FS embed.FS
