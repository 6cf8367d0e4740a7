package decode_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// gains are what a recording may be multiplied by when its unit, or its amplifier's gain, is wrong.
var gains = []float64{1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 0.5, 1, 2, 4, 10, 30, 100, 1e3, 1e4}

// holdScale decodes a clip at every gain and holds what must be true of the answers, whatever they are:
//
//   - where the quality failed or the unit is suspect there is no answer, and no verdict on a seizure;
//   - the verdict on a seizure is that of the class, and where there is none no class is above chance;
//   - at a ten-thousandth and at ten thousand times µV something is said;
//   - the answer of a decoder for which gains mean nothing is the same wherever there is one.
func holdScale(t *testing.T, name string, cat *catalog.Catalog, req *eeg.Request, sig decoders.Signal, invariant bool) map[float64]*eeg.Result {
	t.Helper()
	out := map[float64]*eeg.Result{}
	some := gains
	if race.Enabled {
		some = []float64{1e-4, 0.3, 1, 10, 1e4} // the rest is run without the race detector
	}
	for _, gain := range some {
		scaled := mat.DenseCopyOf(sig.Data)
		scaled.Scale(gain, scaled)
		o, d, err := decode.Run(t.Context(), req, raw(scaled), cat, decode.Options{})
		checkOutcome(t, o, d, err)
		if err != nil {
			var fault *decoders.Error
			if !errors.As(err, &fault) || fault.Code != decoders.CodeInvalidSignal || gain > 1e-2 && gain < 100 {
				t.Errorf("%s × %g: %v", name, gain, err)
			}
			continue
		}
		out[gain] = o
		failed := slices.Contains(o.RedFlags, "low_quality") || slices.Contains(o.RedFlags, "units_suspect")
		if !failed && (gain <= 1e-3 || gain >= 1e3) {
			t.Errorf("%s × %g: answers %s with %.3f and flags %v", name, gain, o.DecodedIntent, o.Confidence, o.RedFlags)
		}
		if failed && (o.DecodedIntent != "undetermined" || o.Confidence > 0.5 || o.SeizureDetected != nil && o.ParadigmDetected == "seizure") {
			t.Errorf("%s × %g: unfit, and answers %s with %.3f, seizure %v", name, gain, o.DecodedIntent, o.Confidence, o.SeizureDetected)
		}
		if o.ParadigmDetected == "seizure" {
			consistent := false
			switch v := o.SeizureDetected; {
			case v == nil:
				consistent = o.Confidence <= 0.5
			case *v:
				consistent = o.DecodedIntent == "possible_seizure" && o.Confidence >= 0.5 && o.Confidence < 0.99
			default:
				consistent = o.DecodedIntent == "no_seizure_pattern" && o.Confidence >= 0.5 && o.Confidence < 0.99
			}
			if !consistent || slices.Contains(o.RedFlags, "possible_seizure") != (o.SeizureDetected != nil && *o.SeizureDetected) {
				t.Errorf("%s × %g: %s with %.6f, seizure %v, flags %v", name, gain, o.DecodedIntent, o.Confidence, said(o), o.RedFlags)
			}
		}
	}
	one := out[1]
	if one == nil || !invariant || one.DecodedIntent == "undetermined" {
		return out
	}
	for gain, o := range out {
		if o.DecodedIntent != "undetermined" && (o.DecodedIntent != one.DecodedIntent || math.Abs(o.Confidence-one.Confidence) > 1e-3) {
			t.Errorf("%s: × %g is %s with %.4f, as it is %s with %.4f", name, gain, o.DecodedIntent, o.Confidence, one.DecodedIntent, one.Confidence)
		}
	}
	return out
}

func said(o *eeg.Result) string {
	if o.SeizureDetected == nil {
		return "null"
	}
	return fmt.Sprint(*o.SeizureDetected)
}

// everyPipeline is a catalog with a model of each pipeline that can be trained on synthetic people, beside those built in.
var everyPipeline = sync.OnceValue(func() *catalog.Catalog {
	var t fatal
	cat := defaultCatalog(t)
	imagery := imageryDataset(t, synthetic.Config{Channels: ultracortex, Seed: 201}, []string{"left", "right"}, 14)
	sp := spelled(t, 202)
	flashes := p300.NewDataset(sp.Channels, sp.Rate)
	flashes.Trials = p300.Trials(sp.Signal, sp.Events, sp.Targets, "r")
	ictal := &decoders.Dataset{Paradigm: eeg.Seizure, Channels: ultracortex[:4], Rate: 250, Classes: []string{seizure.NoPattern, seizure.IctalLike}}
	for seed := range uint64(6) {
		cfg := synthetic.Config{Seed: seed, Channels: ictal.Channels}
		s, err := synthetic.Seizure(cfg, synthetic.SeizureConfig{Seconds: 12, Onset: 0.5, Duration: 11})
		if err != nil {
			t.Fatal(err)
		}
		r, err := synthetic.Rest(cfg, 12, seed%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		ictal.Trials = append(ictal.Trials, decoders.Trial{Data: s.Data, Label: 1}, decoders.Trial{Data: r.Data})
	}
	sets := map[eeg.Paradigm]*decoders.Dataset{eeg.MotorImagery: imagery, eeg.P300: flashes, eeg.Seizure: ictal}
	for _, p := range cat.Pipelines() {
		if ds := sets[p.Paradigm()]; ds != nil {
			store(t, cat, "scale-"+p.Name(), catalog.ModelCard{Summary: "synthetic", IntendedUse: "tests", Priority: -50}, train(t, p, ds))
		}
	}
	return cat
})

func spelled(t testing.TB, seed uint64) synthetic.Session {
	t.Helper()
	s, err := synthetic.Speller(synthetic.Config{Seed: seed, Channels: parietal, Rate: 128}, synthetic.SpellerConfig{Text: "AB", P300UV: 12})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestScaleOfEveryDecoder sweeps the gain of a clip for every model there is.
func TestScaleOfEveryDecoder(t *testing.T) {
	t.Parallel()
	cat := everyPipeline()
	flickering, err := synthetic.SSVEP(synthetic.Config{Seed: 3}, synthetic.FlickerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	shaking, err := synthetic.Seizure(synthetic.Config{Seed: 4}, synthetic.SeizureConfig{Seconds: 20, Onset: 2, Duration: 17})
	if err != nil {
		t.Fatal(err)
	}
	speller := spelled(t, 203)
	tried := map[eeg.Paradigm]int{}
	for _, e := range cat.List() {
		req := &eeg.Request{Input: eeg.Input{Type: "eeg", Model: e.ID()}}
		var sig decoders.Signal
		switch e.Paradigm {
		case eeg.MotorImagery:
			channels := e.Channels
			s, err := synthetic.MotorImagery(synthetic.Config{Channels: channels, Rate: e.Rate, Seed: 5}, synthetic.ImageryConfig{TrialsPerClass: 2})
			if err != nil {
				t.Fatalf("%s: %v", e.ID(), err)
			}
			sig = s.Signal
			rows, _ := sig.Data.Dims()
			at := int(s.Events[0].Onset * s.Rate)
			sig.Data = mat.DenseCopyOf(sig.Data.Slice(0, rows, at, at+int(4*s.Rate)))
		case eeg.P300:
			if len(e.Channels) > 0 && epochMissing(speller.Channels, e.Channels) {
				continue
			}
			sig = speller.Signal
			for _, ev := range speller.Events {
				req.Input.Events = append(req.Input.Events, eeg.Event{Onset: ev.Onset, Code: ev.Code})
			}
			req.Input.Stimulus = &eeg.Stimulus{Matrix: speller.Stimulus.Matrix}
		case eeg.SSVEP:
			sig = flickering.Signal
			rows, _ := sig.Data.Dims()
			at := int(flickering.Events[0].Onset * sig.Rate)
			sig.Data = mat.DenseCopyOf(sig.Data.Slice(0, rows, at, at+int(4*sig.Rate)))
			req.Input.Stimulus = &eeg.Stimulus{}
			for _, target := range flickering.Stimulus.Targets {
				req.Input.Stimulus.Targets = append(req.Input.Stimulus.Targets, eeg.Target{Label: target.Label, Frequency: target.Frequency})
			}
		case eeg.Seizure:
			sig = shaking.Signal
		}
		tried[e.Paradigm]++
		req.Input.SampleRate, req.Input.Channels = sig.Rate, &eeg.Channels{Count: len(sig.Channels), Names: sig.Channels}
		holdScale(t, e.ID(), cat, req, sig, e.Paradigm == eeg.SSVEP)
		if e.Paradigm == eeg.SSVEP {
			req.Input.Model = ""
			holdScale(t, "auto", cat, req, sig, true)
		}
	}
	t.Logf("%v models", tried)
	for _, p := range []eeg.Paradigm{eeg.MotorImagery, eeg.P300, eeg.SSVEP, eeg.Seizure} {
		if tried[p] < 2 {
			t.Errorf("%d models of %s were tried", tried[p], p)
		}
	}
}

// epochMissing reports whether any of the channels needed is not there.
func epochMissing(have, need []string) bool {
	_, err := epoch.Rows(nil, have, epoch.CanonicalNames(need))
	return err != nil
}

// TestScaleOfRecordings sweeps the gain of a marked seizure, of what came before it, and of healthy people, for the seizure check.
func TestScaleOfRecordings(t *testing.T) {
	t.Parallel()
	cat := defaultCatalog(t)
	ask := func(sig decoders.Signal) *eeg.Request {
		return &eeg.Request{Input: eeg.Input{Type: "eeg", Paradigm: "seizure", SampleRate: sig.Rate,
			Channels: &eeg.Channels{Count: len(sig.Channels), Names: sig.Channels}}}
	}
	cut := func(sig decoders.Signal, from, to float64) decoders.Signal {
		rows, _ := sig.Data.Dims()
		sig.Data = mat.DenseCopyOf(sig.Data.Slice(0, rows, int(from*sig.Rate), int(to*sig.Rate)))
		return sig
	}
	for _, file := range eegdata.Glob(t, "seizure/*/*.f32") {
		rec := openRecording(t, file)
		sig, err := rec.Signal()
		if err != nil {
			t.Fatal(err)
		}
		var marked []float64
		for _, e := range rec.Events {
			if e.Label == "seizure_onset" || e.Label == "seizure_offset" {
				marked = append(marked, e.Onset)
			}
		}
		if len(marked) < 2 || marked[1]-marked[0] < 75 || marked[0] < 400 {
			continue
		}
		name := filepath.Base(file)
		// 30 s from the middle of the seizure, and 30 s long before it.
		inside, before := cut(sig, marked[0]+40, marked[0]+70), cut(sig, 300, 330)
		out := holdScale(t, name+", seizure", cat, ask(inside), inside, false)
		if o := out[1]; o == nil || o.SeizureDetected == nil || !*o.SeizureDetected {
			t.Errorf("%s: the marked seizure is %+v", name, o)
		}
		out = holdScale(t, name+", before", cat, ask(before), before, false)
		if o := out[1]; o == nil || o.SeizureDetected != nil && *o.SeizureDetected {
			t.Errorf("%s: 300 s after the start is %+v", name, o)
		}
		if o := out[10]; o == nil || o.SeizureDetected != nil {
			t.Errorf("%s: ten times the background is %+v", name, o)
		}
		for _, s := range []float64{2, 5, 9.5} {
			short := cut(sig, marked[0]+40, marked[0]+40+s)
			holdScale(t, fmt.Sprintf("%s, %g s", name, s), cat, ask(short), short, false)
		}
	}
	for _, file := range eegdata.Glob(t, "motor_imagery/eegmmidb/S00[14].zip") {
		for _, sig := range firstClips(t, file, 3) {
			out := holdScale(t, filepath.Base(file), cat, ask(sig), sig, false)
			for gain, o := range out {
				if o.SeizureDetected != nil && *o.SeizureDetected {
					t.Errorf("%s × %g: %+v", filepath.Base(file), gain, o)
				}
			}
		}
	}
	// Converter numbers of 64 channels are not µV, and the file says so.
	for _, file := range eegdata.Glob(t, "p300/bci2_iib/*.f32") {
		rec := openRecording(t, file)
		sig, err := rec.Signal()
		if err != nil {
			t.Fatal(err)
		}
		sig = cut(sig, 10, 40)
		o, _, err := decode.Run(t.Context(), ask(sig), raw(sig.Data), cat, decode.Options{})
		if err != nil || o.SeizureDetected != nil || o.Confidence > 0.5 || !slices.Contains(o.RedFlags, "units_suspect") {
			t.Errorf("%s: %+v %v", filepath.Base(file), o, err)
		}
		if o, _, err = decode.RunRecording(t.Context(), &eeg.Request{Input: eeg.Input{Paradigm: "seizure"}}, rec, cat, decode.Options{}); err != nil ||
			o.SeizureDetected != nil || !slices.Contains(o.RedFlags, "units_suspect") {
			t.Errorf("%s as a file: %+v %v", filepath.Base(file), o, err)
		}
	}
}

func openRecording(t *testing.T, file string) *recording.Recording {
	t.Helper()
	r, err := formats.OpenFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// firstClips returns 30 s of some runs of a person on every second electrode of the 10-20 system.
func firstClips(t *testing.T, archive string, most int) []decoders.Signal {
	t.Helper()
	var out []decoders.Signal
	for _, r := range readertest.Archive(t, archive) {
		if most--; most < 0 {
			break
		}
		sig, err := r.Signal("Fp1", "Fp2", "F7", "F8", "C3", "Cz", "C4", "T7", "T8", "P3", "P4", "O1", "O2")
		if err != nil {
			t.Fatal(err)
		}
		if rows, n := sig.Data.Dims(); n >= int(30*sig.Rate) {
			sig.Data = mat.DenseCopyOf(sig.Data.Slice(0, rows, 0, int(30*sig.Rate)))
			out = append(out, sig)
		}
	}
	return out
}
