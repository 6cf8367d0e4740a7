package decode

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// ParseRequest reads a request's JSON. The error is payload_malformed: a request that the service accepted never
// gives it.
func ParseRequest(b []byte) (*eeg.Request, error) {
	var req eeg.Request
	if err := json.Unmarshal(b, &req); err != nil {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "the request is not valid: %v", err)
	}
	return &req, nil
}

var standardAlphabet = strings.NewReplacer("-", "+", "_", "/")

// dataOf returns the bytes of input.data, in the standard or the URL-safe alphabet, with padding or without.
func dataOf(in *eeg.Input) ([]byte, error) {
	s := strings.TrimRight(standardAlphabet.Replace(in.Data), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "data is not base64: %v", err)
	}
	return b, nil
}

// paradigmOf returns the paradigm asked for, Auto where none is.
func paradigmOf(in *eeg.Input) (eeg.Paradigm, error) {
	switch {
	case in.Paradigm == "":
		return eeg.Auto, nil
	case slices.Contains(eeg.Paradigms(), in.Paradigm):
		return in.Paradigm, nil
	}
	return "", decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"paradigm": in.Paradigm},
		"paradigm %q is unknown; the choices are %s", in.Paradigm, and(eeg.Names(eeg.Paradigms())))
}

// and joins names for a message.
func and(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
