package motorimagery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
)

var names = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"}

// imagery is a clip of 4.5 s with its cue at 0.5 s: noise on all channels and a 12 Hz rhythm on each of them that is
// weaker over the hemisphere opposite to the imagined hand. Class 2 weakens the midline, class 3 nothing.
func imagery(rng *rand.Rand, class int, rate float64) *mat.Dense {
	n := int(4.5 * rate)
	x := mat.NewDense(len(names), n, nil)
	for r, name := range names {
		gain := 6.0
		switch {
		case class == 0 && strings.HasSuffix(name, "4"), class == 1 && strings.HasSuffix(name, "3"), class == 2 && strings.HasSuffix(name, "z"):
			gain = 2
		}
		phase, frequency, slow := 2*math.Pi*rng.Float64(), 11+2*rng.Float64(), 0.0
		for j := range n {
			slow = 0.98*slow + rng.NormFloat64()
			s := gain * math.Sin(2*math.Pi*frequency*float64(j)/rate+phase) * (1 + 0.3*rng.NormFloat64())
			x.Set(r, j, 30+s+slow+4*rng.NormFloat64())
		}
	}
	return x
}

func dataset(classes, perClass int, rate float64, seed uint64) *decoders.Dataset {
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: names, Rate: rate, Cue: 0.5, Subject: "s"}
	ds.Classes = []string{"left_hand", "right_hand", "feet", "rest"}[:classes]
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range classes * perClass {
		ds.Trials = append(ds.Trials, decoders.Trial{Data: imagery(rng, i%classes, rate), Label: i % classes, Group: fmt.Sprintf("s/%d", i/10)})
	}
	return ds
}

func input(class int, rate float64, seed uint64) *decoders.Input {
	return &decoders.Input{
		Signal: decoders.Signal{Data: imagery(rand.New(rand.NewPCG(seed, 2)), class, rate), Channels: append([]string(nil), names...), Rate: rate},
		Events: []eeg.Event{{Onset: 0.5, Code: 1 + class}},
	}
}

func train(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, config string) decoders.Trained {
	t.Helper()
	d, err := p.Train(context.Background(), ds, json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// pipelines are all that are registered: whatever joins them is held to the same.
var pipelines = catalog.Of(eeg.MotorImagery)

func TestConformance(t *testing.T) {
	for _, p := range pipelines {
		for _, c := range []struct {
			name, config string
			classes      int
			events       bool
		}{
			{"two classes", ``, 2, true},
			{"four classes", `{"components":4}`, 4, true},
			{"cross-subject", `{"normalize":true,"mirror":true,"align":true,"start":0,"end":4}`, 2, false},
		} {
			t.Run(p.Name()+"/"+c.name, func(t *testing.T) {
				decodertest.Run(t, decodertest.Case{
					Decoder: train(t, p, dataset(c.classes, 12, 160, 1), c.config), Pipeline: p,
					Valid: func(seed uint64) *decoders.Input {
						in := input(int(seed)%c.classes, 160, seed)
						if !c.events {
							in.Events = nil
						}
						return in
					},
				})
			})
		}
	}
}

func FuzzDecode(f *testing.F) {
	p := motorimagery.TSLR()
	decodertest.Fuzz(f, decodertest.Case{
		Decoder: train(f, p, dataset(2, 8, 160, 1), ""), Pipeline: p,
		Valid: func(seed uint64) *decoders.Input { return input(int(seed%2), 160, seed) },
	})
}

// TestSeparatesImagery holds that what was put in is found, at the model's rate and at others, with a cue and without.
func TestSeparatesImagery(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		for classes := 2; classes <= 4; classes++ {
			d := train(t, p, dataset(classes, 20, 160, 1), "")
			for _, rate := range []float64{160, 125, 250, 256, 255.97, 512, 1000} {
				t.Run(fmt.Sprintf("%s/%d classes/%v Hz", p.Name(), classes, rate), func(t *testing.T) {
					t.Parallel()
					hits, whole := 0, 0
					const trials = 40
					for i := range trials {
						in := input(i%classes, rate, uint64(100+i))
						want := d.Info().Classes[i%classes]
						for _, count := range []*int{&hits, &whole} {
							res, err := d.Decode(t.Context(), in)
							if err != nil {
								t.Fatal(err)
							}
							if res.Classes[0].Name == want {
								*count++
							}
							in.Events = nil
						}
					}
					if hits < trials*8/10 || whole < trials*8/10 {
						t.Errorf("%d of %d right after the cue, %d of the whole clip", hits, trials, whole)
					}
				})
			}
		}
	}
}

func TestProbabilitiesAreCalibrated(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			// Labels that are wrong a quarter of the time: no honest decoder is surer than 0.75 on average.
			ds := dataset(2, 60, 160, 1)
			rng := rand.New(rand.NewPCG(9, 9))
			for i := range ds.Trials {
				if rng.Float64() < 0.25 {
					ds.Trials[i].Label = 1 - ds.Trials[i].Label
				}
			}
			d := train(t, p, ds, "")
			sure := 0.0
			const trials = 60
			for i := range trials {
				res, err := d.Decode(t.Context(), input(i%2, 160, uint64(500+i)))
				if err != nil {
					t.Fatal(err)
				}
				sure += res.Classes[0].Probability / trials
			}
			if sure < 0.6 || sure > 0.85 {
				t.Errorf("mean confidence %.3f where labels are right 75 %% of the time", sure)
			}
		})
	}
}

// TestGainDoesNotMatter holds what Normalize promises.
func TestGainDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		d := train(t, p, dataset(2, 12, 160, 1), `{"normalize":true}`)
		in := input(0, 160, 3)
		want, err := d.Decode(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		in.Data.Scale(7, in.Data)
		got, err := d.Decode(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !close(got.Classes[0].Probability, want.Classes[0].Probability, 1e-9) {
			t.Errorf("%s: %v at gain 7, %v at gain 1", p.Name(), got.Classes, want.Classes)
		}
	}
}

// TestMirrorIsAntisymmetric holds what Mirror promises: the mirrored clip is the other hand with the same probability.
// Mixtures are left out: k-means starts at other points in each class.
func TestMirrorIsAntisymmetric(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines[:len(pipelines)-1] {
		d := train(t, p, dataset(2, 12, 160, 1), `{"mirror":true}`)
		in := input(0, 160, 4)
		a, err := d.Decode(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range in.Channels {
			in.Channels[i] = strings.NewReplacer("3", "4", "4", "3").Replace(name)
		}
		b, err := d.Decode(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if a.Classes[0].Name == b.Classes[0].Name || !close(a.Classes[0].Probability, b.Classes[0].Probability, 1e-6) {
			t.Errorf("%s: %v, mirrored %v", p.Name(), a.Classes, b.Classes)
		}
	}
}

// TestProjectThenFilter holds that a decode gives the components of the trained filters: it projects before it
// filters and resamples, in training it is the other way round.
func TestProjectThenFilter(t *testing.T) {
	t.Parallel()
	ds := dataset(2, 12, 160, 1)
	d := train(t, motorimagery.CSPLDA(), ds, `{"folds":0}`)
	st := d.State()
	filters := mat.NewDense(st.Arrays["filters"].Shape[0], len(names), st.Arrays["filters"].Data)
	sos, err := dsp.ButterBandPass(4, 8, 30, 160)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		x := mat.DenseCopyOf(ds.Trials[i].Data)
		// One second of margin on both sides, as far as there is signal: 0 to 4 s of the trial, window 1 to 3 s.
		x = mat.DenseCopyOf(x.Slice(0, len(names), 0, 640))
		dsp.FilterRows(sos, x)
		var w mat.Dense
		w.Mul(filters, x.Slice(0, len(names), 160, 480))
		k, n := w.Dims()
		logit := st.Arrays["intercept"].Data[1] - st.Arrays["intercept"].Data[0]
		for c := range k {
			sum := 0.0
			for _, v := range w.RawRowView(c) {
				sum += v * v
			}
			logit += (st.Arrays["coef"].Data[k+c] - st.Arrays["coef"].Data[c]) * math.Log(sum/float64(n))
		}
		res, err := d.Decode(t.Context(), &decoders.Input{Signal: decoders.Signal{Data: ds.Trials[i].Data, Channels: names, Rate: 160}, Events: []eeg.Event{{Onset: 0.5}}})
		if err != nil {
			t.Fatal(err)
		}
		want := 1 / (1 + math.Exp(-math.Abs(logit)))
		if !close(res.Classes[0].Probability, want, 1e-9) {
			t.Errorf("trial %d: %v, by hand %v", i, res.Classes, want)
		}
	}
}

func TestChoosesTheCue(t *testing.T) {
	t.Parallel()
	d := train(t, motorimagery.CSPLDA(), dataset(2, 12, 160, 1), "")
	at := func(onsets ...float64) []eeg.Event {
		var out []eeg.Event
		for i, o := range onsets {
			out = append(out, eeg.Event{Onset: o, Code: 10 + i})
		}
		return out
	}
	for name, tc := range map[string]struct {
		events []eeg.Event
		cue    any // onset used, nil for the whole clip
		code   string
	}{
		"no events take the whole clip":            {nil, nil, ""},
		"the only event":                           {at(0.5), 0.5, ""},
		"the first with a whole window":            {at(4, 1.5, 0.2), 1.5, ""},
		"events outside are passed over":           {at(-3, 99, 1), 1.0, ""},
		"a window cut by the end of the clip":      {at(2.5), 2.5, ""},
		"the most of a window where none is whole": {at(2.9, 2.4, 2.7), 2.4, ""},
		"too late":       {at(4.2), nil, decoders.CodePayloadTooShort},
		"none inside":    {at(-1, 70), nil, decoders.CodeNoEvents},
		"not a number":   {at(math.NaN(), math.Inf(1)), nil, decoders.CodeNoEvents},
		"one is enough":  {at(math.NaN(), 0.5), 0.5, ""},
		"at the start":   {at(0), 0.0, ""},
		"before a start": {at(-0.1, 0.1), 0.1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(0, 160, 1)
			in.Events = tc.events
			res, err := d.Decode(t.Context(), in)
			if tc.code != "" {
				var e *decoders.Error
				if !errors.As(err, &e) || e.Code != tc.code {
					t.Fatalf("got %v, %v, want %s", res, err, tc.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := res.Evidence["cue_onset_s"]; got != tc.cue {
				t.Errorf("used the cue at %v s, want %v", got, tc.cue)
			}
		})
	}
}

func TestErrorsTellTheNumbers(t *testing.T) {
	t.Parallel()
	d := train(t, motorimagery.CSPLDA(), dataset(2, 12, 160, 1), "")
	for name, tc := range map[string]struct {
		change func(in *decoders.Input)
		code   string
		detail string
		want   any
	}{
		"short":                      {func(in *decoders.Input) { in.Data = mat.DenseCopyOf(in.Data.Slice(0, 8, 0, 100)) }, decoders.CodePayloadTooShort, "samples_needed", 160},
		"NaN":                        {func(in *decoders.Input) { in.Data.Set(3, 200, math.NaN()) }, decoders.CodeInvalidSignal, "channel", "Cz"},
		"volts taken for microvolts": {func(in *decoders.Input) { in.Data.Scale(1e6, in.Data) }, decoders.CodeInvalidSignal, "limit_uv", 1e7},
		"missing channel":            {func(in *decoders.Input) { in.Channels[2] = "T7" }, decoders.CodeMontageMismatch, "channels_missing", "[C3]"},
		"slow":                       {func(in *decoders.Input) { in.Rate = 50 }, decoders.CodeInvalidSignal, "sample_rate_needed", 66.0},
		"flat":                       {func(in *decoders.Input) { in.Data.Apply(func(int, int, float64) float64 { return 800 }, in.Data) }, decoders.CodeInvalidSignal, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input(0, 160, 1)
			tc.change(in)
			_, err := d.Decode(t.Context(), in)
			var e *decoders.Error
			if !errors.As(err, &e) || e.Code != tc.code {
				t.Fatalf("got %v, want %s", err, tc.code)
			}
			if tc.detail != "" && fmt.Sprint(e.Details[tc.detail]) != fmt.Sprint(tc.want) {
				t.Errorf("%s is %v, want %v", tc.detail, e.Details[tc.detail], tc.want)
			}
		})
	}
}

func TestTrainRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config string
		change func(ds *decoders.Dataset)
		code   string
	}{
		"too few trials":        {"", func(ds *decoders.Dataset) { ds.Trials = ds.Trials[:5] }, decoders.CodeTooFewTrials},
		"no trials":             {"", func(ds *decoders.Dataset) { ds.Trials = nil }, decoders.CodeTooFewTrials},
		"one class":             {"", func(ds *decoders.Dataset) { ds.Classes = ds.Classes[:1]; ds.Trials = ds.Trials[:1] }, decoders.CodeModelIncompatible},
		"label out of range":    {"", func(ds *decoders.Dataset) { ds.Trials[3].Label = 2 }, decoders.CodePayloadMalformed},
		"trial without data":    {"", func(ds *decoders.Dataset) { ds.Trials[3].Data = nil }, decoders.CodePayloadMalformed},
		"trial of NaN":          {"", func(ds *decoders.Dataset) { ds.Trials[3].Data.Set(0, 300, math.NaN()) }, decoders.CodeInvalidSignal},
		"flat trial":            {"", func(ds *decoders.Dataset) { ds.Trials[3].Data.Zero() }, decoders.CodeInvalidSignal},
		"short trial":           {"", func(ds *decoders.Dataset) { ds.Trials[3].Data = mat.NewDense(8, 90, nil) }, decoders.CodePayloadTooShort},
		"wrong channel count":   {"", func(ds *decoders.Dataset) { ds.Channels = ds.Channels[1:] }, decoders.CodePayloadMalformed},
		"no channels":           {"", func(ds *decoders.Dataset) { ds.Channels = nil }, decoders.CodeModelIncompatible},
		"rate":                  {"", func(ds *decoders.Dataset) { ds.Rate = math.NaN() }, decoders.CodeModelIncompatible},
		"cue":                   {"", func(ds *decoders.Dataset) { ds.Cue = -1 }, decoders.CodePayloadMalformed},
		"unknown option":        {`{"hihg":30}`, nil, decoders.CodeModelIncompatible},
		"band beyond Nyquist":   {`{"high":90}`, nil, decoders.CodeModelIncompatible},
		"empty window":          {`{"start":2,"end":1}`, nil, decoders.CodeModelIncompatible},
		"one fold":              {`{"folds":1}`, nil, decoders.CodeModelIncompatible},
		"shrinkage":             {`{"shrinkage":2}`, nil, decoders.CodeModelIncompatible},
		"mirror without a pair": {`{"mirror":true}`, func(ds *decoders.Dataset) { ds.Channels = []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "P3"} }, decoders.CodeModelIncompatible},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range pipelines {
				ds := dataset(2, 5, 160, 1)
				if tc.change != nil {
					tc.change(ds)
				}
				_, err := p.Train(t.Context(), ds, json.RawMessage(tc.config))
				var e *decoders.Error
				if !errors.As(err, &e) || e.Code != tc.code {
					t.Errorf("%s: %v, want %s", p.Name(), err, tc.code)
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, p := range pipelines {
		if _, err := p.Train(ctx, dataset(2, 5, 160, 1), nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v after cancel", p.Name(), err)
		}
	}
}

// TestRankDeficientData trains on average-referenced signals, whose covariance cannot be inverted.
func TestRankDeficientData(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		ds := dataset(2, 20, 160, 1)
		for _, tr := range ds.Trials {
			rereference(tr.Data)
		}
		d := train(t, p, ds, `{"components":8}`)
		var predicted, truth []int
		for i := range 20 {
			in := input(i%2, 160, uint64(700+i))
			rereference(in.Data)
			res, err := d.Decode(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			truth = append(truth, i%2)
			predicted = append(predicted, 0)
			if res.Classes[0].Name == ds.Classes[1] {
				predicted[i] = 1
			}
		}
		if acc := classify.Accuracy(predicted, truth); acc < 0.8 {
			t.Errorf("%s: accuracy %.2f", p.Name(), acc)
		}
	}
}

func rereference(x *mat.Dense) {
	rows, n := x.Dims()
	for j := range n {
		mean := mat.Sum(x.ColView(j)) / float64(rows)
		for i := range rows {
			x.Set(i, j, x.At(i, j)-mean)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, channels := range []int{8, 22, 64} {
		for _, p := range pipelines {
			b.Run(fmt.Sprintf("%s/%dch4s250Hz", p.Name(), channels), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				labels := make([]string, channels)
				for i := range labels {
					labels[i] = fmt.Sprintf("E%d", i)
				}
				noise := func() *mat.Dense {
					x := mat.NewDense(channels, 1000, nil)
					x.Apply(func(int, int, float64) float64 { return 10 * rng.NormFloat64() }, x)
					return x
				}
				ds := &decoders.Dataset{Channels: labels, Rate: 250, Classes: []string{"a", "b"}}
				for i := range 12 {
					ds.Trials = append(ds.Trials, decoders.Trial{Data: noise(), Label: i % 2})
				}
				d := train(b, p, ds, "")
				in := &decoders.Input{Signal: decoders.Signal{Data: noise(), Channels: labels, Rate: 250}}
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
