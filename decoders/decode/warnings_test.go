package decode_test

import (
	"bytes"
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/recording"
)

// TestWarningsOfTheReaderAreInTheAnswer: what a reader tolerated is told to whoever asked, with its place.
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
	if err := recording.WriteEDF(&file, rec); err != nil {
		t.Fatal(err)
	}
	file.WriteString("some bytes more")
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	req := &decode.Request{Input: decode.Input{Type: "eeg", Encoding: "edf", Data: base64.StdEncoding.EncodeToString(file.Bytes())}}
	out, _, err := decode.Run(t.Context(), req, nil, cat, decode.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(out.Warnings, "\n"), "15 bytes after the last data record were ignored") {
		t.Errorf("warnings %q", out.Warnings)
	}
}
