// Package datasets turns files of labelled EEG into the trials that decoders are trained and measured on.
//
// It knows the public data sets by how their files name people, runs and events, not by which files there are: any
// folder laid out like them is read the same way. Reading itself is decoders/recording's, cutting decoders/epoch's.
//
// Invariants:
//
//   - A file that cannot be used is a [Problem] with its reason and stops nothing else.
//   - Files are taken in the order of their names, so the same folder gives the same dataset.
//   - Trials of one person never get two subject names; where a name does not tell, files count as one person.
package datasets
