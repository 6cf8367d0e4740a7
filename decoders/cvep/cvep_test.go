package cvep_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

var occipital = []string{"POz", "O1", "Oz", "O2", "Iz"}

func gold(targets int) *eeg.CodeBook {
	return &eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: 6, Targets: targets, Modulated: true}
}

func shifted(targets int) *eeg.CodeBook {
	return &eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 6, Targets: targets}
}

// lead in s is the signal before the codes of a training trial.
const lead = 0.5

// session makes trials of looking at targets, by their index, each with the lead before it.
func session(codes *eeg.CodeBook, seed uint64, rate float64, looks []int) *decoders.Dataset {
	s, err := synthetic.CodeModulated(synthetic.Config{Seed: seed, Channels: occipital, Rate: rate}, synthetic.CodeConfig{Codes: codes, Looks: looks, AmplitudeUV: 14})
	if err != nil {
		panic(err) // the codes are ours
	}
	book, err := cvep.Expand(codes)
	if err != nil {
		panic(err)
	}
	ds := &decoders.Dataset{Paradigm: eeg.CVEP, Channels: s.Channels, Rate: s.Rate, Cue: lead, Classes: book.Labels}
	for _, e := range s.Events {
		from, n := int(math.Round((e.Onset-lead)*rate)), int((lead+4.2)*rate)
		ds.Trials = append(ds.Trials, decoders.Trial{Data: mat.DenseCopyOf(s.Data.Slice(0, len(s.Channels), from, from+n)), Label: e.Code - 1})
	}
	return ds
}

func options(t testing.TB, codes *eeg.CodeBook, more map[string]any) json.RawMessage {
	t.Helper()
	all := map[string]any{"codes": codes}
	maps.Copy(all, more)
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func train(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, raw json.RawMessage) decoders.Trained {
	t.Helper()
	d, err := p.Train(t.Context(), ds, raw)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// clip is the input of a trial: what follows its codes, seconds of it.
func clip(ds *decoders.Dataset, tr decoders.Trial, seconds float64) *decoders.Input {
	rows, _ := tr.Data.Dims()
	return &decoders.Input{
		Signal: decoders.Signal{Data: mat.DenseCopyOf(tr.Data.Slice(0, rows, 0, int((ds.Cue+seconds)*ds.Rate))), Channels: ds.Channels, Rate: ds.Rate},
		Events: []eeg.Event{{Onset: ds.Cue}},
	}
}

// right counts the trials of which a decoder names the target.
func right(t testing.TB, d decoders.Decoder, ds *decoders.Dataset, seconds float64) int {
	t.Helper()
	n := 0
	for _, tr := range ds.Trials {
		res, err := d.Decode(t.Context(), clip(ds, tr, seconds))
		if err != nil {
			t.Fatal(err)
		}
		if res.Classes[0].Name == ds.Classes[tr.Label] {
			n++
		}
	}
	return n
}

// TestTrialsOfFewTargetsTeachAll: reconvolution learns from trials of three targets what the other seventeen evoke, and so does the
// template method where codes are shifts of one sequence.
func TestTrialsOfFewTargetsTeachAll(t *testing.T) {
	t.Parallel()
	few := slices.Repeat([]int{0, 1, 2}, 4)
	all := []int{3, 7, 19, 11, 5, 16, 9, 13, 18, 4}
	for name, tc := range map[string]struct {
		p     decoders.Pipeline
		codes *eeg.CodeBook
	}{"rcca of Gold codes": {cvep.RCCA(), gold(20)}, "rcca of shifts": {cvep.RCCA(), shifted(20)}, "template of shifts": {cvep.Template(), shifted(20)}} {
		ds := session(tc.codes, 1, 250, few)
		test := session(tc.codes, 2, 250, all)
		d := train(t, tc.p, ds, options(t, tc.codes, nil))
		if got := right(t, d, test, 4.2); got < 9 {
			t.Errorf("%s: %d of %d right", name, got, len(all))
		}
	}
	ds := session(gold(20), 1, 250, few)
	_, err := cvep.Template().Train(t.Context(), ds, options(t, gold(20), nil))
	var e *decoders.Error
	if !errors.As(err, &e) || e.Code != decoders.CodeTooFewTrials || len(e.Details["classes_without"].([]string)) != 17 {
		t.Errorf("a template of codes that no trial shows: %v", err)
	}
}

// TestOtherCodes: a model of reconvolution reads a screen whose codes it has never seen, at another rate of the samples; one of
// templates says that it cannot.
func TestOtherCodes(t *testing.T) {
	t.Parallel()
	ds := session(gold(8), 1, 250, []int{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7})
	other := gold(30)
	other.Labels = nil
	test := session(other, 3, 500, []int{29, 21, 14, 25, 10, 17})
	d := train(t, cvep.RCCA(), ds, options(t, gold(8), nil))
	got := 0
	for _, tr := range test.Trials {
		in := clip(test, tr, 4.2)
		in.Stimulus.Codes = other
		res, err := d.Decode(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(res.Classes) != 30 {
			t.Fatalf("%d classes", len(res.Classes))
		}
		if res.Classes[0].Name == test.Classes[tr.Label] {
			got++
		}
	}
	if got < 5 {
		t.Errorf("%d of 6 right", got)
	}
	in := clip(test, test.Trials[0], 4.2)
	in.Stimulus.Codes = shifted(4) // not modulated: flashes of up to six bits
	var e *decoders.Error
	if _, err := d.Decode(t.Context(), in); !errors.As(err, &e) || e.Code != decoders.CodeInvalidStimulus || e.Details["duration_bits"] == nil {
		t.Errorf("flashes that the model has not seen: %v", err)
	}
	contrast := train(t, cvep.RCCA(), ds, options(t, gold(8), map[string]any{"flashes": "contrast"}))
	if _, err := contrast.Decode(t.Context(), in); err != nil {
		t.Errorf("told apart by contrast: %v", err)
	}
	template := train(t, cvep.Template(), ds, options(t, gold(8), nil))
	if _, err := template.Decode(t.Context(), in); !errors.As(err, &e) || e.Code != decoders.CodeInvalidStimulus {
		t.Errorf("a template of other codes: %v", err)
	}
	in.Stimulus.Codes = gold(8)
	in.Stimulus.Codes.Labels = []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	if res, err := template.Decode(t.Context(), in); err != nil || res.Classes[0].Name > "h" {
		t.Errorf("the same codes by other names: %v, %v", res, err)
	}
}

// TestWindowsWithinACode: of a clip that begins within the codes, an event before it tells where it lies.
func TestWindowsWithinACode(t *testing.T) {
	t.Parallel()
	looks := []int{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}
	for name, codes := range map[string]*eeg.CodeBook{"gold": gold(8), "shifts": shifted(8)} {
		ds := session(codes, 1, 250, looks)
		test := session(codes, 2, 250, looks)
		for _, p := range []decoders.Pipeline{cvep.RCCA(), cvep.Template()} {
			d := train(t, p, ds, options(t, codes, nil))
			for _, skip := range []float64{1.3, 2.37} {
				got, without := 0, 0
				for _, tr := range test.Trials {
					full := clip(test, tr, 4.2)
					from := int((lead + skip) * test.Rate)
					rows, n := full.Data.Dims()
					in := &decoders.Input{Signal: decoders.Signal{Data: mat.DenseCopyOf(full.Data.Slice(0, rows, from, n)), Channels: full.Channels, Rate: full.Rate}}
					for _, known := range []bool{true, false} {
						in.Events = nil
						if known {
							in.Events = []eeg.Event{{Onset: lead - float64(from)/test.Rate}}
						}
						res, err := d.Decode(t.Context(), in)
						if err != nil {
							t.Fatal(err)
						}
						if ok := res.Classes[0].Name == test.Classes[tr.Label]; ok && known {
							got++
						} else if ok {
							without++
						}
					}
				}
				if got < 13 || without > 8 {
					t.Errorf("%s, %s: %g s into the codes %d of 16 are right, and %d where nobody says so", p.Name(), name, skip, got, without)
				}
			}
		}
	}
}

// TestConfidenceRisesWithTime, and a trial may be stopped where it passes the threshold.
func TestConfidenceRisesWithTime(t *testing.T) {
	t.Parallel()
	looks := []int{0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7}
	ds := session(gold(8), 1, 250, looks)
	test := session(gold(8), 2, 250, looks)
	d := train(t, cvep.RCCA(), ds, options(t, gold(8), map[string]any{"threshold": 0.9}))
	sum := map[float64]float64{}
	stopped, well := 0, 0
	for _, tr := range test.Trials {
		for _, s := range []float64{0.5, 1, 2, 4} {
			res, err := d.Decode(t.Context(), clip(test, tr, s))
			if err != nil {
				t.Fatal(err)
			}
			sum[s] += res.Classes[0].Probability
			if at, ok := res.Evidence["stopped_at_s"].(float64); ok {
				if at > s+0.01 || at < 0.3 {
					t.Errorf("stopped at %g of %g s", at, s)
				}
				if s == 4 {
					stopped++
					if res.Evidence["stopped_target"] == test.Classes[tr.Label] {
						well++
					}
				}
			} else if res.Evidence["stopped_at_s"] != nil || res.Classes[0].Probability > 0.9 {
				t.Errorf("not stopped: %v, %v", res.Evidence["stopped_at_s"], res.Classes[0])
			}
		}
	}
	if !(sum[0.5] < sum[1] && sum[1] < sum[2] && sum[2] < sum[4]) {
		t.Errorf("confidence by seconds: %v", sum)
	}
	if stopped < 18 || float64(well) < 0.8*float64(stopped) {
		t.Errorf("%d of %d stopped, %d of them right", stopped, len(looks), well)
	}
}

// TestOptionsThatAreRefused name what is wrong.
func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	ds := session(gold(4), 1, 125, []int{0, 1, 2, 3, 0, 1})
	for _, raw := range []string{``, `{}`, `{"codes":null}`, `{"codes":{"kind":"gold"}}`, `{"nonsense":1}`, `[]`} {
		if _, err := cvep.RCCA().Train(t.Context(), ds, json.RawMessage(raw)); !errors.As(err, new(*decoders.Error)) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for name, more := range map[string]map[string]any{
		"band": {"low": 30, "high": 2}, "half a band": {"low": 0, "high": 30}, "a band beyond": {"high": 70}, "order": {"order": 0}, "seconds": {"seconds": 11}, "short": {"seconds": 0.1},
		"flashes": {"flashes": "colour"}, "response": {"response": 2}, "ridge": {"ridge": -1}, "threshold": {"threshold": 1}, "step": {"step": 0}, "folds": {"folds": 1},
	} {
		var e *decoders.Error
		if _, err := cvep.RCCA().Train(t.Context(), ds, options(t, gold(4), more)); !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible {
			t.Errorf("%s: %v", name, err)
		}
	}
	few := *ds
	few.Trials = ds.Trials[:4]
	var e *decoders.Error
	if _, err := cvep.RCCA().Train(t.Context(), &few, options(t, gold(4), nil)); !errors.As(err, &e) || e.Code != decoders.CodeTooFewTrials || e.Details["needed"] != 5 {
		t.Errorf("four trials: %v", err)
	}
	strange := *ds
	strange.Classes = []string{"a", "b", "c", "d"}
	if _, err := cvep.RCCA().Train(t.Context(), &strange, options(t, gold(4), nil)); !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible {
		t.Errorf("classes that no code has: %v", err)
	}
	rows, n := ds.Trials[2].Data.Dims()
	flat := *ds
	flat.Trials = slices.Clone(ds.Trials)
	flat.Trials[2].Data = mat.NewDense(rows, n, nil)
	var bad *decoders.TrialError
	if _, err := cvep.RCCA().Train(t.Context(), &flat, options(t, gold(4), nil)); !errors.As(err, &bad) || bad.Trial != 2 {
		t.Errorf("a flat trial: %v", err)
	}
}

// cases are decoders of both pipelines, with and without a filter.
func cases(t testing.TB) map[string]decodertest.Case {
	t.Helper()
	out := map[string]decodertest.Case{}
	looks := []int{0, 1, 2, 3, 0, 1, 2, 3}
	for _, p := range []decoders.Pipeline{cvep.RCCA(), cvep.Template()} {
		for name, codes := range map[string]*eeg.CodeBook{"gold": gold(4), "shifts": shifted(4)} {
			ds := session(codes, 1, 125, looks)
			more := map[string]any{}
			if name == "shifts" {
				more["low"], more["high"] = 0, 0
			}
			out[fmt.Sprint(p.Name(), " ", name)] = decodertest.Case{Decoder: train(t, p, ds, options(t, codes, more)), Pipeline: p, Valid: func(seed uint64) *decoders.Input {
				test := session(codes, seed+10, 125, []int{int(seed % 4)})
				return clip(test, test.Trials[0], 2.1)
			}}
		}
	}
	return out
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, c := range cases(t) {
		t.Run(name, func(t *testing.T) { decodertest.Run(t, c) })
	}
}

func FuzzDecode(f *testing.F) { decodertest.Fuzz(f, cases(f)["rcca gold"]) }

// FuzzCodeBook: whatever JSON a code book is, it is written out or refused.
func FuzzCodeBook(f *testing.F) {
	for _, c := range []*eeg.CodeBook{gold(4), shifted(4), {Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"01", "10"}, Labels: []string{"a", "b"}}} {
		raw, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var c eeg.CodeBook
		if json.Unmarshal(raw, &c) != nil {
			return
		}
		b, err := cvep.Expand(&c)
		if err != nil && !errors.As(err, new(*decoders.Error)) {
			t.Fatal(err)
		}
		if err == nil && (len(b.Codes) < 2 || len(b.Labels) != len(b.Codes)) {
			t.Fatalf("%+v", b)
		}
	})
}
