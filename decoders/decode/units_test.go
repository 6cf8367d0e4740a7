package decode_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// doubles writes channels × samples as float64, sample-major.
func doubles(m *mat.Dense) []byte {
	rows, n := m.Dims()
	var b []byte
	for j := range n {
		for i := range rows {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(m.At(i, j)))
		}
	}
	return b
}

// TestUnits sends one clip in every unit and width, and then without saying which.
func TestUnits(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	s, err := synthetic.SSVEP(synthetic.Config{Seed: 31}, synthetic.FlickerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	rows, _ := s.Data.Dims()
	at := int(s.Events[0].Onset * s.Rate)
	clip := mat.DenseCopyOf(s.Data.Slice(0, rows, at, at+int(4*s.Rate)))
	ask := func(encoding, unit string) *eeg.Request {
		req := &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: "ssvep", Encoding: eeg.Encoding(encoding), Unit: unit, SampleRate: s.Rate,
			Channels: &eeg.Channels{Count: rows, Names: s.Channels}, Stimulus: &eeg.Stimulus{}}}
		for _, target := range s.Stimulus.Targets {
			req.Input.Stimulus.Targets = append(req.Input.Stimulus.Targets, eeg.Target{Label: target.Label, Frequency: target.Frequency})
		}
		return req
	}
	write := map[string]func(*mat.Dense) []byte{"": raw, "float32le": raw, "float64le": doubles}
	want, _, err := decode.Run(t.Context(), ask("", ""), raw(clip), cat, decode.Options{})
	if err != nil || want.DecodedIntent == "undetermined" {
		t.Fatalf("%+v, %v", want, err)
	}
	for unit, uv := range map[string]float64{"": 1, "uV": 1, "µV": 1, "μV": 1, "mV": 1e3, "V": 1e6, "nV": 1e-3} {
		for encoding, put := range write {
			scaled := mat.DenseCopyOf(clip)
			scaled.Scale(1/uv, scaled)
			out, _, err := decode.Run(t.Context(), ask(encoding, unit), put(scaled), cat, decode.Options{})
			if err != nil || out.DecodedIntent != want.DecodedIntent || math.Abs(out.Confidence-want.Confidence) > 1e-3 || !reflect.DeepEqual(out.RedFlags, want.RedFlags) {
				t.Errorf("%s in %q: %+v %v\nwant %+v", encoding, unit, out, err, want)
			}
			if uv == 1 {
				continue
			}
			out, _, err = decode.Run(t.Context(), ask(encoding, ""), put(scaled), cat, decode.Options{})
			if err != nil || out.DecodedIntent != "undetermined" || out.RedFlagDetails[0].Code != "units_suspect" ||
				!strings.Contains(out.RedFlagDetails[0].Message, "look like "+unit+":") {
				t.Errorf("%s in %s, taken for µV: %+v %v", encoding, unit, out, err)
			}
		}
	}
	if _, _, err := decode.Run(t.Context(), ask("", "volts"), raw(clip), cat, decode.Options{}); faultOf(t, err).Details["unit"] != "volts" {
		t.Error(err)
	}
}

// TestBytesOfAnotherKind sends what is not what the request says, and wants to be told.
func TestBytesOfAnotherKind(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	s, err := synthetic.Rest(synthetic.Config{Seed: 32}, 4, false)
	if err != nil {
		t.Fatal(err)
	}
	rows, n := s.Data.Dims()
	whole, counts := mat.DenseCopyOf(s.Data), []byte(nil)
	whole.Apply(func(_, _ int, v float64) float64 { return math.Round(v) }, whole)
	for j := range n {
		for i := range rows {
			counts = binary.LittleEndian.AppendUint16(counts, uint16(int16(20*s.Data.At(i, j))))
		}
	}
	edf := append([]byte(fmt.Sprintf("%-8s%-80s", "0", "X X X X")), counts...)
	for _, tc := range []struct {
		name, encoding string
		payload        []byte
		want           string
	}{
		{"float64 as float32", "", doubles(s.Data), "float64le"},
		{"float64 of whole numbers", "float32le", doubles(whole), "float64le"},
		{"float32 as float64", "float64le", raw(s.Data), "float32le"},
		{"int16 as float32", "", counts, "int16le"},
		{"an EDF file", "", edf[:len(edf)/4*4], "EDF"},
		{"an EDF file as int16", "int16le", edf, "EDF"},
		{"a CSV file", "", []byte(strings.Repeat("1.5,2.25,-7\n", 3000)), "text"},
	} {
		req := &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: "seizure", Encoding: eeg.Encoding(tc.encoding), SampleRate: s.Rate,
			Channels: &eeg.Channels{Count: rows, Names: s.Channels}}}
		_, _, err := decode.Run(t.Context(), req, tc.payload, cat, decode.Options{})
		fault := faultOf(t, err)
		if fault.Code != decoders.CodePayloadMalformed || fault.Details["looks_like"] != tc.want || !strings.Contains(fault.Message, tc.want) {
			t.Errorf("%s: %v, details %v", tc.name, err, fault.Details)
		}
	}
}

// TestUnitOfARecording: a unit is for recordings that state none.
func TestUnitOfARecording(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	s, err := synthetic.Rest(synthetic.Config{Seed: 33}, 12, false)
	if err != nil {
		t.Fatal(err)
	}
	make := func(unit string, scale float64) *recording.Recording {
		r := &recording.Recording{}
		for i, name := range s.Channels {
			x := append([]float64(nil), s.Data.RawRowView(i)...)
			for k := range x {
				x[k] *= scale
			}
			r.Channels = append(r.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: unit, Rate: s.Rate, Samples: x})
		}
		return r
	}
	for _, tc := range []struct {
		stated, said string
		scale        float64
		suspect      bool
		refused      bool
	}{
		{"uV", "", 1, false, false}, {"", "", 1, false, false}, {"", "mV", 1e-3, false, false}, {"", "", 1e-3, true, false},
		{"uV", "mV", 1e-3, false, true}, {"adc", "", 1, true, false}, {"n/a", "", 1, false, false},
	} {
		rec := make(tc.stated, tc.scale)
		for range 2 { // the recording is the caller's, and stays as it is
			out, _, err := decode.RunRecording(t.Context(), &eeg.Request{Input: eeg.Input{Paradigm: "seizure", Unit: tc.said}}, rec, cat, decode.Options{})
			if tc.refused {
				if faultOf(t, err).Details["unit"] != tc.said {
					t.Error(err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if suspect := strings.Contains(strings.Join(out.RedFlags, " "), "units_suspect"); suspect != tc.suspect || suspect != (out.SeizureDetected == nil) {
				t.Errorf("stated %q, said %q: flags %v, seizure %v", tc.stated, tc.said, out.RedFlags, said(out))
			}
		}
	}
}
