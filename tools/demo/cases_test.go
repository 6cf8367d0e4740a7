package main

import (
	"encoding/json"
	"testing"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
)

// Without recordings the demo shows synthetic EEG, and fails where an answer is not what was recorded.
func TestSyntheticCasesAreDecodedAsRecorded(t *testing.T) {
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	cases, err := syntheticCases()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		body, err := json.Marshal(c.request)
		if err != nil {
			t.Fatal(err)
		}
		req, err := decode.ParseRequest(body)
		if err != nil {
			t.Fatal(err)
		}
		out, _, err := decode.Run(t.Context(), req, nil, cat, decode.Options{})
		if err != nil {
			t.Fatalf("%s: %v", c.paradigm, err)
		}
		if out.DecodedIntent != c.intent {
			t.Errorf("%s: decoded %s at %.2f, recorded %s", c.paradigm, out.DecodedIntent, out.Confidence, c.intent)
		}
		if c.paradigm == "seizure" && out.Confidence < 0.7 {
			t.Errorf("a usual seizure is told at %.2f", out.Confidence)
		}
		if c.seizure != nil && (out.SeizureDetected == nil || *out.SeizureDetected != *c.seizure) {
			t.Errorf("%s: seizure %v, recorded %v", c.paradigm, out.SeizureDetected, *c.seizure)
		}
	}
}
