// Package eeg is the vocabulary of neurod: the decode request, its result and diagnostics, paradigms, encodings, units, and the limits that hold
// for them. The API, the jobs, the workers and the decoders all speak it; each way in reads and writes the same JSON.
//
// Invariants:
//
//   - It imports the standard library only, and nothing here decodes, stores or sends anything.
//   - A list of what a field may hold stands here once (Paradigms, Encodings, ...). Messages, completions and checks derive from it;
//     a test holds the enumerations of api/openapi.yaml to it.
//   - The JSON of a request is stored with its job, so a field is never renamed; what is read and written again is the same text.
package eeg
