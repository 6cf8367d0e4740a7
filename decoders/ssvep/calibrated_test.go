package ssvep_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

var occipital = []string{"PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2"}

// screen is a person's synthetic session before a screen whose targets differ in frequency and phase: trials of the
// given seconds after the onset, with 0.5 s before it.
func screen(t testing.TB, seed uint64, perTarget, rest int, seconds, amplitude float64) (*decoders.Dataset, []eeg.Target) {
	t.Helper()
	var targets []eeg.Target
	for k, f := range []float64{9.25, 10.25, 11.25, 12.25, 13.25, 14.25} {
		targets = append(targets, eeg.Target{Label: fmt.Sprintf("%.2f Hz", f), Frequency: f, Phase: 0.35 * math.Pi * float64(k)})
	}
	s, err := synthetic.SSVEP(synthetic.Config{Seed: seed, Channels: occipital, Rate: 250}, synthetic.FlickerConfig{
		Targets: targets, TrialsPerTarget: perTarget, RestTrials: rest, TrialSeconds: seconds + 0.2, AmplitudeUV: amplitude,
	})
	if err != nil {
		t.Fatal(err)
	}
	ds := &decoders.Dataset{Paradigm: eeg.SSVEP, Channels: s.Channels, Rate: s.Rate, Cue: 0.5}
	for _, tg := range targets {
		ds.Classes = append(ds.Classes, tg.Label)
	}
	seen := map[int]int{}
	for _, e := range s.Events {
		from := int((e.Onset-ds.Cue)*s.Rate + .5)
		n := int((ds.Cue + seconds + 0.2) * s.Rate)
		data := mat.DenseCopyOf(s.Data.Slice(0, len(s.Channels), from, from+n))
		ds.Trials = append(ds.Trials, decoders.Trial{Data: data, Label: e.Code - 1, Group: fmt.Sprint(seen[e.Code])})
		seen[e.Code]++
	}
	return ds, targets
}

// looks keeps the trials with a target, or those at rest.
func looks(ds *decoders.Dataset, rest bool) *decoders.Dataset {
	out := *ds
	out.Trials = nil
	for _, tr := range ds.Trials {
		if (tr.Label < 0) == rest {
			out.Trials = append(out.Trials, tr)
		}
	}
	return &out
}

func ask(ds *decoders.Dataset, i int) *decoders.Input {
	return &decoders.Input{
		Signal: decoders.Signal{Data: ds.Trials[i].Data, Channels: ds.Channels, Rate: ds.Rate}, Events: []eeg.Event{{Onset: ds.Cue, Code: 1}},
	}
}

func fitted(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, config string) decoders.Trained {
	t.Helper()
	d, err := p.Train(context.Background(), ds, json.RawMessage(config))
	if err != nil {
		t.Fatalf("%s: %v", p.Name(), err)
	}
	return d
}

// best is the most probable target, whatever the verdict.
func best(res *decoders.Result) string {
	if res.Classes[0].Name == ssvep.NoTarget {
		return res.Classes[1].Name
	}
	return res.Classes[0].Name
}

func TestCalibratedConformance(t *testing.T) {
	for _, p := range catalog.Of(eeg.SSVEP) {
		for name, config := range map[string]string{
			"bank": `{"seconds":0.8,"sub_bands":2}`, "free running, not calibrated": `{"seconds":0.6,"sub_bands":1,"free_running":true,"folds":0}`,
		} {
			t.Run(p.Name()+"/"+name, func(t *testing.T) {
				ds, _ := screen(t, 1, 4, 0, 1.2, 4)
				ds = looks(ds, false)
				valid, _ := screen(t, 2, 1, 0, 1.2, 4)
				decodertest.Run(t, decodertest.Case{
					Decoder: fitted(t, p, ds, config), Pipeline: p,
					Valid: func(seed uint64) *decoders.Input {
						in := ask(valid, int(seed)%len(valid.Trials))
						in.Data = mat.DenseCopyOf(in.Data)
						in.Channels = append([]string(nil), in.Channels...)
						return in
					},
				})
			})
		}
	}
}

func FuzzCalibrated(f *testing.F) {
	ds, _ := screen(f, 1, 3, 0, 0.6, 4)
	p := ssvep.TDCA()
	decodertest.Fuzz(f, decodertest.Case{
		Decoder: fitted(f, p, ds, `{"seconds":0.4,"sub_bands":1,"free_running":true}`), Pipeline: p,
		Valid: func(seed uint64) *decoders.Input {
			in := ask(ds, int(seed%uint64(len(ds.Trials))))
			in.Data, in.Channels = mat.DenseCopyOf(in.Data), append([]string(nil), in.Channels...)
			return in
		},
	})
}

// TestCalibratedBeatCCAOnShortWindows: half a second holds five or six periods of targets 1 Hz apart, which sines alone
// cannot tell apart; the person's own responses, with their phases, can.
func TestCalibratedBeatCCAOnShortWindows(t *testing.T) {
	t.Parallel()
	const seconds = 0.6
	train, targets := screen(t, 11, 8, 0, seconds, 3)
	test, _ := screen(t, 12, 10, 0, seconds, 3)
	right := func(d decoders.Decoder, change func(*decoders.Input)) float64 {
		hits := 0
		for i, tr := range test.Trials {
			in := ask(test, i)
			if change != nil {
				change(in)
			}
			res, err := d.Decode(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if best(res) == test.Classes[tr.Label] {
				hits++
			}
		}
		return float64(hits) / float64(len(test.Trials))
	}
	// CCA needs a second; it gets all there is, from before the skip on.
	plain := decoder(t, ssvep.Config{Method: ssvep.CCA, Skip: -1})
	cca := right(plain, func(in *decoders.Input) {
		in.Stimulus.Targets, in.Events = targets, []eeg.Event{{Onset: 0.3}}
	})
	for _, p := range catalog.Of(eeg.SSVEP) {
		acc := right(fitted(t, p, train, fmt.Sprintf(`{"seconds":%v}`, seconds)), nil)
		t.Logf("%s %.3f, cca %.3f", p.Name(), acc, cca)
		if acc < cca+0.1 {
			t.Errorf("%s: %.3f, cca has %.3f", p.Name(), acc, cca)
		}
	}
}

// TestCalibratedTellRest: what was trained on targets alone refuses rest.
func TestCalibratedTellRest(t *testing.T) {
	t.Parallel()
	train, _ := screen(t, 21, 8, 0, 1.5, 4)
	test, _ := screen(t, 22, 8, 48, 1.5, 4)
	// A copy of its own: the subtests run at once, and the classes' slice may have room at its end.
	names := append(slices.Clone(test.Classes), ssvep.NoTarget)
	for _, p := range catalog.Of(eeg.SSVEP) {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			d := fitted(t, p, train, `{"seconds":1.5,"sub_bands":3}`)
			var there []float64
			var looking []bool
			var probabilities [][]float64
			var truth []int
			false_, missed, hits := 0, 0, 0
			for i, tr := range test.Trials {
				res, err := d.Decode(t.Context(), ask(test, i))
				if err != nil {
					t.Fatal(err)
				}
				there, looking = append(there, res.Evidence["presence"].(float64)), append(looking, tr.Label >= 0)
				accepted := res.Classes[0].Name != ssvep.NoTarget
				p := make([]float64, len(names))
				for _, c := range res.Classes {
					for k, name := range names {
						if c.Name == name {
							p[k] = c.Probability
						}
					}
				}
				probabilities = append(probabilities, p)
				if tr.Label < 0 {
					truth = append(truth, len(test.Classes))
					if accepted {
						false_++
					}
					continue
				}
				truth = append(truth, tr.Label)
				if best(res) == test.Classes[tr.Label] {
					hits++
				}
				if !accepted {
					missed++
				}
			}
			auc := classify.AUC(there, looking)
			t.Logf("%d of 48 right, %d refused; %d of 48 at rest accepted; AUC %.3f, ECE %.3f", hits, missed, false_, auc, classify.ECE(probabilities, truth, 10))
			if hits < 43 || auc < 0.9 || false_ > 10 {
				t.Errorf("%d of 48 right, AUC %.3f, %d of 48 at rest accepted", hits, auc, false_)
			}
		})
	}
}

// TestFreeRunningFindsItsPhase: trials that start anywhere in a period are brought into phase, and without that the
// templates average out.
func TestFreeRunningFindsItsPhase(t *testing.T) {
	t.Parallel()
	loose := func(seed uint64, per int) *decoders.Dataset {
		ds, targets := screen(t, seed, per, 0, 2, 6)
		// A cue that comes up to a period before it should.
		for i := range ds.Trials {
			period := ds.Rate / targets[ds.Trials[i].Label].Frequency
			shift := (i * 7) % int(period)
			rows, n := ds.Trials[i].Data.Dims()
			ds.Trials[i].Data = mat.DenseCopyOf(ds.Trials[i].Data.Slice(0, rows, shift, n-int(period)+shift))
		}
		return ds
	}
	train, test := loose(31, 8), loose(32, 5)
	for _, p := range catalog.Of(eeg.SSVEP) {
		count := func(d decoders.Decoder) int {
			hits := 0
			for i, tr := range test.Trials {
				res, err := d.Decode(t.Context(), ask(test, i))
				if err != nil {
					t.Fatal(err)
				}
				if best(res) == test.Classes[tr.Label] {
					hits++
				}
			}
			return hits
		}
		free := count(fitted(t, p, train, `{"seconds":1,"sub_bands":2,"free_running":true,"folds":0}`))
		locked := count(fitted(t, p, train, `{"seconds":1,"sub_bands":2,"folds":0}`))
		t.Logf("%s: %d of 30 free running, %d as if locked", p.Name(), free, locked)
		if free < 26 || p.Name() != ssvep.ECCAName && free <= locked {
			t.Errorf("%s: %d of 30 free running, %d as if locked", p.Name(), free, locked)
		}
	}
}

func TestCalibratedRefuses(t *testing.T) {
	t.Parallel()
	whole, _ := screen(t, 1, 3, 0, 0.8, 4)
	fresh := func() *decoders.Dataset {
		ds := *whole
		ds.Classes, ds.Trials = slices.Clone(ds.Classes), slices.Clone(ds.Trials)
		ds.Trials[3].Data = mat.DenseCopyOf(ds.Trials[3].Data)
		return &ds
	}
	for name, tc := range map[string]struct {
		config string
		change func(ds *decoders.Dataset)
		code   string
	}{
		"too few trials":       {"", func(ds *decoders.Dataset) { ds.Trials = ds.Trials[:8] }, decoders.CodeTooFewTrials},
		"no trials":            {"", func(ds *decoders.Dataset) { ds.Trials = nil }, decoders.CodeTooFewTrials},
		"one class":            {"", func(ds *decoders.Dataset) { ds.Classes = ds.Classes[:1] }, decoders.CodeModelIncompatible},
		"a class named so":     {"", func(ds *decoders.Dataset) { ds.Classes[0] = ssvep.NoTarget }, decoders.CodeModelIncompatible},
		"no frequency":         {"", func(ds *decoders.Dataset) { ds.Classes[0] = "left" }, decoders.CodeModelIncompatible},
		"label out of range":   {"", func(ds *decoders.Dataset) { ds.Trials[0].Label = 6 }, decoders.CodePayloadMalformed},
		"trial without data":   {"", func(ds *decoders.Dataset) { ds.Trials[3].Data = nil }, decoders.CodePayloadMalformed},
		"trial of NaN":         {"", func(ds *decoders.Dataset) { ds.Trials[3].Data.Set(0, 200, math.NaN()) }, decoders.CodeInvalidSignal},
		"flat trial":           {"", func(ds *decoders.Dataset) { ds.Trials[3].Data.Zero() }, decoders.CodeInvalidSignal},
		"short trial":          {`{"seconds":2}`, nil, decoders.CodePayloadTooShort},
		"onset late":           {"", func(ds *decoders.Dataset) { ds.Cue = 0.9 }, decoders.CodePayloadTooShort},
		"rate":                 {"", func(ds *decoders.Dataset) { ds.Rate = math.NaN() }, decoders.CodeModelIncompatible},
		"unknown option":       {`{"secnods":1}`, nil, decoders.CodeModelIncompatible},
		"frequencies too few":  {`{"frequencies":[9,10]}`, nil, decoders.CodeModelIncompatible},
		"frequency too high":   {`{"frequencies":[9,10,11,12,13,120]}`, nil, decoders.CodeModelIncompatible},
		"one fold":             {`{"folds":1}`, nil, decoders.CodeModelIncompatible},
		"no bands":             {`{"sub_bands":0}`, nil, decoders.CodeModelIncompatible},
		"a window of no width": {`{"seconds":0}`, nil, decoders.CodeModelIncompatible},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range catalog.Of(eeg.SSVEP) {
				ds := fresh()
				if tc.change != nil {
					tc.change(ds)
				}
				config := tc.config
				if config == "" {
					config = `{"seconds":0.6}`
				}
				_, err := p.Train(t.Context(), ds, json.RawMessage(config))
				var e *decoders.Error
				if !errors.As(err, &e) || e.Code != tc.code {
					t.Errorf("%s: %v, want %s", p.Name(), err, tc.code)
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range catalog.Of(eeg.SSVEP) {
		if _, err := p.Train(ctx, whole, json.RawMessage(`{"seconds":0.6}`)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v after cancel", p.Name(), err)
		}
	}
}

// TestCalibratedEqualNumpyAndScipy holds the scores of every method to those that numpy and scipy give.
func TestCalibratedEqualNumpyAndScipy(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/golden/calibrated.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Rate, Cue, Seconds float64
		Targets            []float64
		Labels             []int
		Clips              [][][]float64
		Scores             map[string][][]float64
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	ds := &decoders.Dataset{Paradigm: eeg.SSVEP, Rate: g.Rate, Cue: g.Cue, Channels: names(len(g.Clips[0]))}
	for _, f := range g.Targets {
		ds.Classes = append(ds.Classes, fmt.Sprintf("%v Hz", f))
	}
	for i, clip := range g.Clips {
		tr := decoders.Trial{Data: mat.NewDense(len(clip), len(clip[0]), nil)}
		for r, row := range clip {
			tr.Data.SetRow(r, row)
		}
		if i < len(g.Labels) {
			tr.Label = g.Labels[i]
		}
		ds.Trials = append(ds.Trials, tr)
	}
	train := *ds
	train.Trials = ds.Trials[:len(g.Labels)]
	for _, p := range catalog.Of(eeg.SSVEP) {
		d := fitted(t, p, &train, fmt.Sprintf(`{"seconds":%v,"sub_bands":2}`, g.Seconds))
		if len(g.Scores[p.Name()]) == 0 {
			t.Fatalf("no scores of %s", p.Name())
		}
		for i, want := range g.Scores[p.Name()] {
			res, err := d.Decode(t.Context(), ask(ds, len(g.Labels)+i))
			if err != nil {
				t.Fatal(err)
			}
			near(t, p.Name()+" score", evidence(t, res, "score"), want)
		}
	}
}

// BenchmarkCalibrated decodes 1 s of 8 channels at 250 Hz among 40 targets in five bands, and 4 s among 3 that blink on
// their own clock.
func BenchmarkCalibrated(b *testing.B) {
	for _, p := range catalog.Of(eeg.SSVEP) {
		for _, c := range []struct {
			name    string
			targets int
			config  string
			seconds float64
		}{
			{"40 targets 1s", 40, `{"seconds":1,"folds":0}`, 1},
			{"3 targets 4s free running", 3, `{"seconds":4,"folds":0,"free_running":true,"sub_bands":3}`, 4},
		} {
			b.Run(p.Name()+"/"+c.name, func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				ds := &decoders.Dataset{Channels: names(8), Rate: 250, Cue: 0.5}
				for k := range c.targets {
					f := 8 + 0.2*float64(k)
					ds.Classes = append(ds.Classes, fmt.Sprintf("%.1f Hz", f))
					for range 3 {
						ds.Trials = append(ds.Trials, decoders.Trial{Data: flicker(rng, 8, int((c.seconds+0.9)*250), 250, f, 2, 3), Label: k})
					}
				}
				d := fitted(b, p, ds, c.config)
				in := ask(ds, 0)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := d.Decode(b.Context(), in); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestManyTargetsKeepTheirConfidence: few trials of each of many targets are many trials together. Decoders that are always
// right on strong responses say so.
func TestManyTargetsKeepTheirConfidence(t *testing.T) {
	t.Parallel()
	train, _ := screen(t, 41, 4, 0, 1.5, 8)
	test, _ := screen(t, 42, 4, 0, 1.5, 8)
	for _, p := range catalog.Of(eeg.SSVEP) {
		d := fitted(t, p, train, `{"seconds":1.5,"sub_bands":2}`)
		sure, hits := 0.0, 0
		for i, tr := range test.Trials {
			res, err := d.Decode(t.Context(), ask(test, i))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range res.Classes {
				if c.Name == test.Classes[tr.Label] {
					sure += c.Probability / res.Evidence["presence"].(float64) / float64(len(test.Trials))
				}
			}
			if best(res) == test.Classes[tr.Label] {
				hits++
			}
		}
		t.Logf("%s: %d of %d right, %.3f sure", p.Name(), hits, len(test.Trials), sure)
		if hits != len(test.Trials) || sure < 0.9 {
			t.Errorf("%s: %d of %d right, %.3f sure", p.Name(), hits, len(test.Trials), sure)
		}
	}
}

// TestTrialsTellWhetherTheyAreLocked: where the options do not say so, trials with one phase are taken as they are, and those that start
// anywhere in a period are brought into phase; where the options say that they are locked and they are not, the decoder has a note of it.
func TestTrialsTellWhetherTheyAreLocked(t *testing.T) {
	t.Parallel()
	locked, targets := screen(t, 41, 8, 0, 2, 6)
	loose := *locked
	loose.Trials = slices.Clone(locked.Trials)
	for i := range loose.Trials {
		period := loose.Rate / targets[loose.Trials[i].Label].Frequency
		shift := (i * 7) % int(period)
		rows, n := loose.Trials[i].Data.Dims()
		loose.Trials[i].Data = mat.DenseCopyOf(loose.Trials[i].Data.Slice(0, rows, shift, n-int(period)+shift))
	}
	free := func(d decoders.Trained) bool {
		var cfg ssvep.TrainConfig
		if err := json.Unmarshal(d.State().Config, &cfg); err != nil {
			t.Fatal(err)
		}
		return cfg.FreeRunning
	}
	notes := func(d decoders.Trained) []string { return d.(decoders.Noted).Notes() }
	for _, p := range []decoders.Pipeline{ssvep.TRCA(), ssvep.TDCA()} {
		if d := fitted(t, p, locked, `{"seconds":1,"sub_bands":2}`); free(d) || len(notes(d)) > 0 {
			t.Errorf("%s of locked trials: free running %v, notes %q", p.Name(), free(d), notes(d))
		}
		if d := fitted(t, p, &loose, `{"seconds":1,"sub_bands":2}`); !free(d) || len(notes(d)) != 1 {
			t.Errorf("%s of loose trials: free running %v, notes %q", p.Name(), free(d), notes(d))
		}
		for _, options := range []string{`{"seconds":1,"sub_bands":2,"free_running":false}`, `{"seconds":1,"sub_bands":2,"folds":0}`} {
			if d := fitted(t, p, &loose, options); free(d) || len(notes(d)) != 1 {
				t.Errorf("%s of loose trials with %s: free running %v, notes %q", p.Name(), options, free(d), notes(d))
			}
		}
		if d := fitted(t, p, &loose, `{"seconds":1,"sub_bands":2,"free_running":true}`); !free(d) || len(notes(d)) > 0 {
			t.Errorf("%s of loose trials that are said to be: notes %q", p.Name(), notes(d))
		}
	}
}
