package decode_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// TestWarningsOfTheReaderAreInTheAnswer: what a reader tolerated is told to the caller, with its place.
func TestWarningsOfTheReaderAreInTheAnswer(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{}
	for c, name := range []string{"C3", "Cz", "C4"} {
		samples := make([]float64, 250*6)
		for i := range samples {
			samples[i] = 20*math.Sin(2*math.Pi*10*float64(i)/250+float64(c)) + float64((i*7919+c*31)%17)
		}
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Unit: "uV", Rate: 250, Samples: samples})
	}
	var file bytes.Buffer
	if err := edf.Write(&file, rec); err != nil {
		t.Fatal(err)
	}
	file.WriteString("some bytes more")
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	req := &eeg.Request{Input: eeg.Input{Type: "eeg", Encoding: "edf", Data: base64.StdEncoding.EncodeToString(file.Bytes())}}
	out, _, err := decode.Run(t.Context(), req, nil, cat, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(out.Warnings, "\n"), "15 bytes after the last data record were ignored") {
		t.Errorf("warnings %q", out.Warnings)
	}
}

// TestPoorContactNamesElectrodes: whoever reads the flag can go and mend the electrode, also where nothing was decoded from it.
func TestPoorContactNamesElectrodes(t *testing.T) {
	t.Parallel()
	s, err := synthetic.Rest(synthetic.Config{Seed: 11, Channels: []string{"C3", "Cz", "C4", "Pz"}}, 8, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := 0, s.Signal.Data.RawRowView(3); i < len(row); i++ { // an open input: mains and little else
		row[i] = 300*math.Sin(2*math.Pi*50*float64(i)/s.Signal.Rate) + row[i]/10
	}
	rec := &recording.Recording{}
	for i, name := range s.Signal.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: s.Signal.Rate, Samples: s.Signal.Data.RawRowView(i)})
	}
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	out, _, err := decode.RunRecording(t.Context(), &eeg.Request{}, rec, cat, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if text := flagText(out, "poor_contact"); !strings.Contains(text, "Pz") || strings.Contains(text, "C3") {
		t.Errorf("poor_contact says %q of %v", text, out.Quality.PerChannel)
	}
}

// TestRefusalsSayWhatTheReaderSawOfTheFile: samples beyond the range that a header states are not samples, and whoever is refused for them
// learns it, with how many there are and where they end.
func TestRefusalsSayWhatTheReaderSawOfTheFile(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Warnings: []string{"channel C4: 100 samples lie outside the digital range that the header states", "the table does not state its unit"}}
	for c, name := range []string{"C3", "Cz", "C4"} {
		samples := make([]float64, 250*6)
		for i := range samples {
			samples[i] = 20*math.Sin(2*math.Pi*10*float64(i)/250+float64(c)) + float64((i*7919+c*31)%17)
			if name == "C4" && i >= 1000 && i < 1100 {
				samples[i] = math.NaN()
			}
		}
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: 250, Samples: samples})
	}
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = decode.RunRecording(t.Context(), &eeg.Request{}, rec, cat, decode.Options{})
	bad, ok := errors.AsType[*decoders.Error](err)
	if !ok || bad.Code != decoders.CodeInvalidSignal {
		t.Fatalf("%v", err)
	}
	for _, word := range []string{"sample 1000 of channel C4 is NaN, and 99 more up to sample 1099", "leave the channel out", "outside the digital range"} {
		if !strings.Contains(bad.Message, word) {
			t.Errorf("%q does not say %q", bad.Message, word)
		}
	}
	if got, _ := bad.Details["warnings"].([]string); len(got) != 2 {
		t.Errorf("details %v", bad.Details)
	}
	if strings.Contains(bad.Message, "unit") {
		t.Errorf("%q holds what has nothing to do with it", bad.Message)
	}
}
