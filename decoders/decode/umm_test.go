package decode_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// TestARunIsSpelledWithoutCalibration: a montage that no built-in model reads, no model of the person, and letters that help those after
// them. A request that does not name the model does not get it.
func TestARunIsSpelledWithoutCalibration(t *testing.T) {
	t.Parallel()
	const text = "BRAINWAVE"
	s, err := synthetic.Speller(synthetic.Config{Seed: 5, Channels: []string{"C1", "CPz", "P1", "POz", "PO3", "O2"}, Rate: 128}, synthetic.SpellerConfig{Text: text, Repetitions: 8, P300UV: 22})
	if err != nil {
		t.Fatal(err)
	}
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	req, payload := clip(s, 0, s.Seconds())
	req.Input.Paradigm, req.Input.Model, req.Input.Trials = eeg.P300, "p300-umm", eeg.TrialsAll
	out, d, err := decode.Run(t.Context(), req, payload, cat, decode.Options{})
	checkOutcome(t, out, d, err)
	if err != nil {
		t.Fatal(err)
	}
	spelled := ""
	for _, a := range out.Trials {
		spelled += strings.TrimPrefix(a.DecodedIntent, "letter_")
	}
	right := 0
	for i := range min(len(spelled), len(text)) {
		if spelled[i] == text[i] {
			right++
		}
	}
	if len(out.Trials) != len(text) || right < 7 {
		t.Errorf("%s spelled as %s", text, spelled)
	}

	req.Input.Model = ""
	var fault *decoders.Error
	if _, _, err := decode.Run(t.Context(), req, payload, cat, decode.Options{}); !errors.As(err, &fault) || fault.Code != decoders.CodeMontageMismatch {
		t.Errorf("without its name: %v", err)
	}
}
