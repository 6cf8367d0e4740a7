// Package models is the domain of neurod: entities, identifiers, states and the error table.
//
// It knows no database, queue or transport. Entities are plain structs; the store maps their fields to
// columns by name (snake case), and a conformance test holds both sets of migrations to them.
// (Trained decoders are catalog models, never just "model".)
//
// Times are UTC. Identifiers are UUID version 7 (RFC 9562) in lower-case text, so that they sort by creation.
package models
