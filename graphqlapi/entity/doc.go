// Package entity holds what the types of the GraphQL schema are made of: each wraps what a use case has returned, and reads what hangs on
// it through the loaders of its operation, which ask the use cases once for all that ask at the same moment. Input types are generated
// from the schema.
//
// Nothing here decides who may see what: a loader asks as the principal of its operation, and the use case's refusal is the error of the
// field.
package entity
