// Package science is how the service comes to the decoders, of which it knows none: the catalog's models, the pipelines that
// models are trained with, the readers of uploaded files and the writers of exported ones. It translates, and decides nothing.
//
// Faults of the decoders become those of the one error table, with their codes, messages and numbers.
package science
