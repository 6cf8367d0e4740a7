//go:build unix

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// decoderCase is one timed piece of the science and the longest it may take.
type decoderCase struct {
	key   string // names its files for Python
	name  string
	limit float64 // ms on one core; 0 where none is stated
	make  func(context.Context) (*trial, error)
}

// trial is one decode, ready to be timed and compared.
type trial struct {
	call   func() error
	answer func() []float64 // of the last call
	work   workload         // the same for Python
	within float64          // largest relative difference of Python's answer; 0 takes that of goldens
}

const (
	turns     = 7                      // of Go and Python, one after the other
	turnTime  = 100 * time.Millisecond // of one way in one turn
	mustRatio = 10.0                   // a decode takes at most a tenth of Python's time
	reference = "reference"            // the way of Python that this is asked of
	exact     = 1e-6                   // largest relative difference of its answer, as for goldens
)

// benchDecoders times each decoder for one trial on one core, beside its limit and beside Python on the same numbers.
func benchDecoders(ctx context.Context) error {
	fmt.Println("\n## Time of one decode, one core")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	py, err := startPython(ctx)
	if err != nil {
		fmt.Printf("\n!! THE PYTHON HALF IS LEFT OUT: %v\n!! It needs python3, 3.11 or later with venv, and the packages of tools/golden/requirements.txt.\n\n", err)
		py = nil
	} else {
		defer func() { _ = py.close() }()
		fmt.Printf("processor time, medians of %d turns of neurod and Python, one thread each (%s)\n", turns, py.versions)
	}
	for _, c := range decoderCases() {
		if err := benchDecoder(ctx, c, py); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// benchDecoder times one case, beside Python unless py is nil.
func benchDecoder(ctx context.Context, c decoderCase, py *python) error {
	t, err := c.make(ctx)
	if err != nil {
		return err
	}
	if err := t.call(); err != nil {
		return err
	}
	mine, allocations := t.answer(), testing.AllocsPerRun(10, func() { _ = t.call() })
	if py != nil {
		if err := t.work.write(py.dir, c.key); err != nil {
			return err
		}
	}
	var own []float64
	var others []pythonTurn
	var broken error
	for range turns {
		took, err := timed(t.call, turnTime)
		if err != nil {
			return err
		}
		own = append(own, took)
		if py == nil || broken != nil {
			continue
		}
		turn, err := py.time(c.key, turnTime)
		if err != nil {
			broken = err
			continue
		}
		others = append(others, turn)
	}
	took := median(own)
	limit := ""
	if c.limit > 0 {
		limit = fmt.Sprintf(" (limit %g: %s)", c.limit, verdict(took <= c.limit))
	}
	fmt.Printf("%-46s %8.3f ms%s, %.0f allocations\n", c.name, took, limit, allocations)
	switch {
	case broken != nil:
		fmt.Printf("  !! NOT COMPARED: %v\n", broken)
	case py != nil:
		for _, line := range compare(own, others, mine, cmp.Or(t.within, exact)) {
			fmt.Println("  " + line)
		}
	}
	return ctx.Err()
}

// timed returns the mean processor time of a call in ms over about the given time: what other programs take of the
// machine meanwhile does not count, on either side.
func timed(call func() error, d time.Duration) (float64, error) {
	start, err := processorTime()
	if err != nil {
		return 0, err
	}
	for count := 1; ; count++ {
		if err := call(); err != nil {
			return 0, err
		}
		now, err := processorTime()
		if err != nil {
			return 0, err
		}
		if took := now - start; took >= d {
			return took.Seconds() * 1e3 / float64(count), nil
		}
	}
}

// compare says of each way Python computes a case how long it takes, how many times longer than ours, and whether the
// answers agree; the reference comes first.
func compare(own []float64, turns []pythonTurn, answer []float64, within float64) []string {
	ways := slices.DeleteFunc(slices.Sorted(maps.Keys(turns[0].MS)), func(way string) bool { return way == reference })
	ways = append([]string{reference}, ways...)
	var lines []string
	for _, way := range ways {
		var times, ratios []float64
		off := 0.0
		for i, turn := range turns {
			times, ratios = append(times, turn.MS[way]), append(ratios, turn.MS[way]/own[i])
			theirs := turn.Answer[way]
			want := answer
			if way != reference && len(theirs) < len(want) {
				want = want[:len(theirs)] // a library's way may end before the last number
			}
			off = max(off, difference(want, theirs))
		}
		ratio := median(ratios)
		line := fmt.Sprintf("Python %-14s %8.3f ms, %6.1f times ours", way, median(times), ratio)
		switch {
		case !(off <= within) && way == reference:
			line += fmt.Sprintf(": THE ANSWERS DIFFER, more than %.0e", within)
		case way == reference:
			line += fmt.Sprintf(" (at least %g: %s)", mustRatio, verdict(ratio >= mustRatio))
		}
		lines = append(lines, line+fmt.Sprintf(", answers within %.0e", off))
	}
	return lines
}

func decoderCases() []decoderCase {
	return []decoderCase{
		{"csp8", "CSP+LDA, 8 channels × 4 s", .5, imagery(motorimagery.CSPLDA(), 8)},
		{"csp64", "CSP+LDA, 64 channels × 4 s", 1, imagery(motorimagery.CSPLDA(), 64)},
		{"ts8", "tangent space + LR, 8 channels × 4 s", 0, imagery(motorimagery.TSLR(), 8)},
		{"cca40", "CCA, 40 targets × 5 harmonics, 8 × 4 s", 1, flicker(ssvep.Config{Method: ssvep.CCA, Harmonics: 5})},
		{"fbcca40", "FBCCA, 40 targets × 5 harmonics, 8 × 4 s", 5, flicker(ssvep.Config{Method: ssvep.FBCCA})},
		{"rcca20", "c-VEP by reconvolution, 20 codes, 8 × 4.2 s", 0, coded},
		{"window8", "feature window, 8 channels × 2 s", .15, window(8)},
		{"window64", "feature window, 64 channels × 2 s", 1, window(64)},
		{"asked8", "the same with features on request, 8 × 2 s", 0, asked(8)},
		{"tangent22", "covariance + tangent vector, 22 channels × 2 s", .3, tangent(22)},
		{"letter", "P300 letter, 12 codes × 15 repetitions, 8 ch", 0, letter},
		{"umm", "P300 letter without calibration, the same", 0, uncalibrated},
		{"seizure", "seizure check, 8 channels × 20 s", 0, check},
	}
}

// noise is channels × samples of white noise, µV.
func noise(rng *rand.Rand, channels, samples int) *mat.Dense {
	x := mat.NewDense(channels, samples, nil)
	x.Apply(func(int, int, float64) float64 { return 10 * rng.NormFloat64() }, x)
	return x
}

func labels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("E%d", i+1)
	}
	return out
}

// logProbabilities returns the logarithms of the probabilities of a result's classes in the order of names.
func logProbabilities(res *decoders.Result, names []string) []float64 {
	p := make([]float64, len(names))
	for _, c := range res.Classes {
		p[slices.Index(names, c.Name)] = math.Log(max(c.Probability, 1e-300))
	}
	return p
}

func imagery(p decoders.Pipeline, channels int) func(context.Context) (*trial, error) {
	return func(ctx context.Context) (*trial, error) {
		rng := rand.New(rand.NewPCG(1, 1))
		ds := &decoders.Dataset{Channels: labels(channels), Rate: 250, Classes: []string{"left_hand", "right_hand"}}
		var train []*mat.Dense
		for i := range 40 {
			train = append(train, noise(rng, channels, 1000))
			ds.Trials = append(ds.Trials, decoders.Trial{Data: train[i], Label: i % 2})
		}
		// All of a trial, and no temperature, which Python does not fit.
		d, err := p.Train(ctx, ds, json.RawMessage(`{"start": 0, "end": 4, "folds": 0}`))
		if err != nil {
			return nil, err
		}
		in := &decoders.Input{Signal: decoders.Signal{Data: noise(rng, channels, 1000), Channels: ds.Channels, Rate: ds.Rate}}
		var res *decoders.Result
		return &trial{
			call:   func() (err error) { res, err = d.Decode(ctx, in); return err },
			answer: func() []float64 { return logProbabilities(res, ds.Classes) },
			work: workload{p.Name(), map[string]array{"train": matrices(train...), "trial": matrices(in.Data)},
				map[string]any{"rate": ds.Rate}},
		}, nil
	}
}

func flicker(cfg ssvep.Config) func(context.Context) (*trial, error) {
	return func(ctx context.Context) (*trial, error) {
		cfg.Skip = 0.14
		d, err := ssvep.New(cfg)
		if err != nil {
			return nil, err
		}
		targets, frequencies := make([]eeg.Target, 40), make([]float64, 40)
		for i := range targets {
			frequencies[i] = 8 + .2*float64(i) // the 40 targets of Chen et al. 2015
			targets[i].Frequency = frequencies[i]
		}
		s, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"Oz", "O1", "O2", "PO3", "PO4", "POz", "PO7", "PO8"}},
			synthetic.FlickerConfig{Targets: []eeg.Target{{Frequency: 12}}, TrialsPerTarget: 1, TrialSeconds: 6})
		if err != nil {
			return nil, err
		}
		from := int(s.Events[0].Onset * s.Rate)
		clip := mat.DenseCopyOf(s.Data.Slice(0, 8, from, from+1000))
		in := &decoders.Input{Signal: decoders.Signal{Data: clip, Channels: s.Channels, Rate: s.Rate}, Stimulus: decoders.Stimulus{Targets: targets}}
		var res *decoders.Result
		return &trial{
			call: func() (err error) { res, err = d.Decode(ctx, in); return err },
			answer: func() []float64 {
				var out []float64
				for _, t := range res.Evidence["targets"].([]map[string]any) {
					out = append(out, t["score"].(float64))
				}
				return append(out, res.Evidence["detection"].(ssvep.Detection).P)
			},
			work: workload{cfg.Method, map[string]array{"trial": matrices(clip), "targets": vector(frequencies)},
				map[string]any{"rate": s.Rate, "start": int(math.Round(cfg.Skip * s.Rate))}},
		}, nil
	}
}

// coded is a trial of 20 Gold codes. None is bright at both ends of a cycle and none is modulated: see tools/golden/cvep.py.
func coded(ctx context.Context) (*trial, error) {
	const codes, rate, bitRate = 20, 240, 60
	all, err := cvep.Expand(&eeg.CodeBook{Kind: eeg.CodeGold, RateHz: bitRate, Degree: 6, Targets: 65})
	if err != nil {
		return nil, err
	}
	book := &eeg.CodeBook{Kind: eeg.CodeBits, RateHz: bitRate}
	var shown []float64
	for _, code := range all.Codes {
		if n := len(code); code[0] && code[n-1] || len(book.Bits) == codes {
			continue
		}
		var bits strings.Builder
		for _, on := range code {
			bit := map[bool]byte{false: '0', true: '1'}[on]
			bits.WriteByte(bit)
			shown = append(shown, slices.Repeat([]float64{float64(bit - '0')}, rate/bitRate)...)
		}
		book.Bits = append(book.Bits, bits.String())
	}
	rng := rand.New(rand.NewPCG(4, 1))
	ds := &decoders.Dataset{Channels: labels(8), Rate: rate}
	var train []*mat.Dense
	var looked []float64
	for k := range codes {
		ds.Classes = append(ds.Classes, fmt.Sprintf("code_%d", k+1))
	}
	centred := func() *mat.Dense { // our decoders take the mean of a trial away before anything else
		x := noise(rng, 8, 1008)
		for c := range 8 {
			row := x.RawRowView(c)
			mean := 0.0
			for _, v := range row {
				mean += v / float64(len(row))
			}
			for i := range row {
				row[i] -= mean
			}
		}
		return x
	}
	for i := range 40 {
		train, looked = append(train, centred()), append(looked, float64(i%codes))
		ds.Trials = append(ds.Trials, decoders.Trial{Data: train[i], Label: i % codes})
	}
	options, err := json.Marshal(map[string]any{"codes": book, "low": 0, "high": 0, "ridge": 0, "flashes": cvep.ByContrast, "folds": 0})
	if err != nil {
		return nil, err
	}
	d, err := cvep.RCCA().Train(ctx, ds, options)
	if err != nil {
		return nil, err
	}
	in := &decoders.Input{Signal: decoders.Signal{Data: centred(), Channels: ds.Channels, Rate: ds.Rate}}
	var res *decoders.Result
	return &trial{
		call: func() (err error) { res, err = d.Decode(ctx, in); return err },
		answer: func() []float64 {
			var out []float64
			for _, t := range res.Evidence["targets"].([]map[string]any) {
				out = append(out, t["score"].(float64))
			}
			return out
		},
		work: workload{"rcca", map[string]array{"train": matrices(train...), "trial": matrices(in.Data), "looked": vector(looked), "shown": {[]int{codes, len(shown) / codes}, shown}},
			map[string]any{"rate": rate}},
	}, nil
}

func window(channels int) func(context.Context) (*trial, error) {
	return func(context.Context) (*trial, error) {
		// Blinks are looked for on frontal electrodes only, so the names matter.
		names, _ := recording.MontageFor("", channels)
		var frontal []string
		var index []int
		for i, name := range names {
			if u := strings.ToUpper(name); strings.HasPrefix(u, "FP") || strings.HasPrefix(u, "AF") {
				frontal, index = append(frontal, name), append(index, i)
			}
		}
		ex, err := features.New(features.Config{Rate: 250, Channels: names, Frontal: frontal})
		if err != nil {
			return nil, err
		}
		x := noise(rand.New(rand.NewPCG(2, 1)), channels, ex.Samples())
		var w features.Window
		return &trial{
			call:   func() error { return ex.Compute(&w, x) },
			answer: func() []float64 { return windowNumbers(&w) },
			work:   workload{"window", map[string]array{"trial": matrices(x)}, map[string]any{"rate": 250, "frontal": index}},
		}, nil
	}
}

// asked is a window with everything on request: shares, 1/f and alpha peak of each channel, of a person whose eyes are closed.
func asked(channels int) func(context.Context) (*trial, error) {
	return func(context.Context) (*trial, error) {
		names, _ := recording.MontageFor("", channels)
		s, err := synthetic.Rest(synthetic.Config{Seed: 6, Channels: names}, 2, true)
		if err != nil {
			return nil, err
		}
		var frontal []string
		var index []int
		for i, name := range names {
			if u := strings.ToUpper(name); strings.HasPrefix(u, "FP") || strings.HasPrefix(u, "AF") {
				frontal, index = append(frontal, name), append(index, i)
			}
		}
		ex, err := features.New(features.Config{Rate: s.Rate, Channels: names, Frontal: frontal, Features: eeg.Features})
		if err != nil {
			return nil, err
		}
		var w features.Window
		return &trial{
			call: func() error { return ex.Compute(&w, s.Data) },
			answer: func() []float64 {
				var shares, rest []float64
				for _, of := range w.Features.PerChannel.Values {
					r := of.RelativePower
					shares = append(shares, float64(r.Delta), float64(r.Theta), float64(r.Alpha), float64(r.Beta), float64(r.Gamma))
					rest = append(rest, float64(of.Aperiodic.Exponent), float64(of.Aperiodic.Offset), of.AlphaPeak.Frequency)
				}
				f := &w.Features
				return append(append(shares, rest...), float64(f.Aperiodic.Exponent), float64(f.Aperiodic.Offset), f.AlphaPeak.Frequency)
			},
			work: workload{"asked", map[string]array{"trial": matrices(s.Data)}, map[string]any{"rate": s.Rate, "frontal": index}},
			// Both fits stop near the least square, not at it.
			within: 1e-3,
		}, nil
	}
}

// windowNumbers lists the numbers of a window: each of them for all channels, then those of the window.
func windowNumbers(w *features.Window) []float64 {
	var out []float64
	for _, of := range []func(*features.Channel) float64{
		func(c *features.Channel) float64 { return float64(c.BandPower.Delta) },
		func(c *features.Channel) float64 { return float64(c.BandPower.Theta) },
		func(c *features.Channel) float64 { return float64(c.BandPower.Alpha) },
		func(c *features.Channel) float64 { return float64(c.BandPower.Beta) },
		func(c *features.Channel) float64 { return float64(c.BandPower.Gamma) },
		func(c *features.Channel) float64 { return float64(c.SpectralEntropy) },
		func(c *features.Channel) float64 { return c.SD },
		func(c *features.Channel) float64 { return c.PeakToPeak },
		func(c *features.Channel) float64 { return c.LineShare },
		func(c *features.Channel) float64 { return c.Scores.MotionLike },
		func(c *features.Channel) float64 { return c.Scores.EMGLike },
		func(c *features.Channel) float64 { return c.Scores.BadContact },
		func(c *features.Channel) float64 { return c.Scores.BlinkLike },
		func(c *features.Channel) float64 { return c.SQI },
	} {
		for i := range w.Channels {
			out = append(out, of(&w.Channels[i]))
		}
	}
	b, a := w.Features.BandPower, w.Artifacts.ArtifactScores
	passed := 0.0
	if w.Gate.Passed {
		passed = 1
	}
	return append(out, float64(b.Delta), float64(b.Theta), float64(b.Alpha), float64(b.Beta), float64(b.Gamma),
		float64(w.Features.Ratios.AlphaBeta), float64(w.Features.Ratios.ThetaBeta), float64(w.Features.SpectralEntropy),
		a.MotionLike, a.EMGLike, a.BadContact, a.BlinkLike, w.Quality.Overall, w.Confidence.Overall, passed)
}

func tangent(channels int) func(context.Context) (*trial, error) {
	return func(context.Context) (*trial, error) {
		rng := rand.New(rand.NewPCG(3, 1))
		var train []*mat.Dense
		for range 30 {
			train = append(train, noise(rng, channels, 500))
		}
		covs, err := riemann.Covariances(train, riemann.KindOAS)
		if err != nil {
			return nil, err
		}
		ts, err := riemann.FitTangentSpace(covs)
		if err != nil {
			return nil, err
		}
		x, cov, v := noise(rng, channels, 500), mat.NewSymDense(channels, nil), make([]float64, ts.Dim())
		est := riemann.NewCovariance(riemann.KindOAS)
		return &trial{
			call: func() error {
				if _, err := est.Estimate(cov, x); err != nil {
					return err
				}
				_, err := ts.Project(v, cov)
				return err
			},
			answer: func() []float64 { return v },
			work:   workload{"tangent", map[string]array{"train": matrices(train...), "trial": matrices(x)}, nil},
		}, nil
	}
}

func letter(ctx context.Context) (*trial, error) {
	cfg := synthetic.Config{Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}}
	train, err := synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "CAT"})
	if err != nil {
		return nil, err
	}
	ds := p300.NewDataset(train.Channels, train.Rate)
	ds.Trials = p300.Trials(train.Signal, train.Events, train.Targets, "1")
	d, err := p300.XDAWNLDA().Train(ctx, ds, nil)
	if err != nil {
		return nil, err
	}
	cfg.Seed = 1
	one, err := synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "D", Repetitions: 15})
	if err != nil {
		return nil, err
	}
	in := one.Input()

	// Python gets the trained numbers, and which flash lights which symbol up.
	options := p300.DefaultConfig()
	names, arrays := flashed(in)
	for name, a := range d.State().Arrays {
		arrays[name] = array{a.Shape, a.Data}
	}
	var res *decoders.Result
	return &trial{
		call:   func() (err error) { res, err = d.Decode(ctx, in); return err },
		answer: func() []float64 { return logProbabilities(res, names) },
		work: workload{"letter", arrays, map[string]any{
			"rate": in.Rate, "low": options.Low, "high": options.High, "order": options.Order, "seconds": options.End, "bins": options.Bins,
		}},
	}, nil
}

// uncalibrated is the same letter without any training.
func uncalibrated(ctx context.Context) (*trial, error) {
	one, err := synthetic.Speller(synthetic.Config{Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}, Seed: 1}, synthetic.SpellerConfig{Text: "D", Repetitions: 15})
	if err != nil {
		return nil, err
	}
	in := one.Input()
	names, arrays := flashed(in)
	d := p300.NewUMM()
	var res *decoders.Result
	return &trial{
		call:   func() (err error) { res, err = d.Decode(ctx, in); return err },
		answer: func() []float64 { return logProbabilities(res, names) },
		work:   workload{"umm", arrays, map[string]any{"rate": in.Rate, "low": .5, "high": 8, "order": 3, "seconds": .7, "bins": 20}},
	}, nil
}

// flashed is a letter for Python: the signal, when which code flashed, and which symbols each code lights up, columns first, then rows; and the names of
// the symbols as classes have them.
func flashed(in *decoders.Input) ([]string, map[string]array) {
	arrays := map[string]array{"trial": matrices(in.Data)}
	var names []string
	for _, row := range in.Stimulus.Matrix {
		for _, symbol := range row {
			names = append(names, "letter_"+symbol)
		}
	}
	rows, columns := len(in.Stimulus.Matrix), len(in.Stimulus.Matrix[0])
	lit := make([]float64, (rows+columns)*len(names))
	for i := range names {
		lit[(i%columns)*len(names)+i] = 1
		lit[(columns+i/columns)*len(names)+i] = 1
	}
	arrays["lit"] = array{[]int{rows + columns, len(names)}, lit}
	var onsets, codes []float64
	for _, e := range in.Events {
		onsets, codes = append(onsets, e.Onset), append(codes, float64(e.Code-1))
	}
	arrays["onsets"], arrays["codes"] = vector(onsets), vector(codes)
	return names, arrays
}

func check(context.Context) (*trial, error) {
	s, err := synthetic.Rest(synthetic.Config{Channels: synthetic.TenTwenty()[:8]}, 20, true)
	if err != nil {
		return nil, err
	}
	behind := make([]int, len(s.Channels))
	for i, name := range s.Channels {
		if !strings.HasPrefix(name, "F") {
			behind[i] = 1
		}
	}
	var ev eeg.SeizureEvidence
	return &trial{
		call: func() error {
			var verdict *bool
			if verdict, ev = seizure.Check(s.Signal); verdict == nil || *verdict {
				return errors.New("rest was called ictal-like, or nothing")
			}
			return nil
		},
		answer: func() []float64 {
			return []float64{ev.Score, ev.From, ev.LineLength, ev.Limit, ev.Rhythm, ev.Frequency, ev.Slow, ev.Alpha, ev.Muscle, ev.Mobility, ev.Complexity}
		},
		work: workload{"seizure", map[string]array{"trial": matrices(s.Data)}, map[string]any{"rate": s.Rate, "behind": behind}},
	}, nil
}
